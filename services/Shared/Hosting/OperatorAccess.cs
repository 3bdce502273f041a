using System.Net;
using System.Security.Cryptography;
using System.Text;
using Brownian.Jobs.Access;

namespace Brownian.Hosting;

/// <summary>The tokens of operators and services, and the networks of operators.</summary>
public sealed class OperatorAccess
{
    /// <summary>The file in a data folder that contains the operators' token.</summary>
    public const string FileName = "operator-token";

    private readonly IReadOnlyList<IPNetwork> _networks;
    private readonly (byte[] Token, Caller Caller)[] _tokens;
    private readonly byte[]? _service;

    /// <summary>Reads the tokens from the settings; the operators' from a data folder, where it is created at the first start.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="folder">A data folder; null when there is none.</param>
    /// <exception cref="FieldFaultException">The folder's file cannot be read or written.</exception>
    public OperatorAccess(PlatformOptions options, string? folder)
    {
        _networks = options.OperatorsNetworks();
        string? token = options.OperatorToken is { Length: > 0 } given ? given
            : folder is null ? null
            : SecretFile.ReadOrCreate(
                Path.Combine(folder, FileName), "the operators' token", () => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)));
        HasToken = token is not null;
        HasMetricsToken = options.MetricsToken is { Length: > 0 };
        _service = options.ServiceToken is { Length: > 0 } service ? Hash(service) : null;
        _tokens =
        [
            .. token is null ? [] : new[] { Entry(token, new Caller(Tenant.Default, "operator", Roles.PermissionsOf(Role.Admin))) },
            .. options.MetricsToken is { Length: > 0 } metrics
                ? new[] { Entry(metrics, new Caller(Tenant.Default, "metrics", Permission.Metrics)) }
                : [],
        ];
    }

    /// <summary>
    /// Returns the caller of the services' token; null for another token. It opens the stage services alone, also at a process that is a gateway
    /// too: every worker has the token.
    /// </summary>
    internal Caller? FindService(string token) => _service is { } known && CryptographicOperations.FixedTimeEquals(Hash(token), known)
        ? new Caller(Tenant.Default, "service", Permission.Stages)
        : null;

    /// <summary>Whether there is an operators' token.</summary>
    public bool HasToken { get; }

    /// <summary>The message about a missing or wrong token.</summary>
    internal string WrongToken => HasToken
        ? "the operators' token is missing or wrong; it comes from --token or BROWNIAN_OPERATOR_TOKEN on the command line, and as "
            + "\"authorization: Bearer TOKEN\" in calls; brownian serve stores its token in the file operator-token of its data folder"
        : $"no operators' token is set: set {PlatformOptions.Field(nameof(PlatformOptions.OperatorToken))}";

    /// <summary>Whether there is a token for metrics: then the operators' ports need credentials also where the clients' ports need none.</summary>
    public bool HasMetricsToken { get; }

    /// <summary>Whether operators may call from an address.</summary>
    /// <param name="remote">The address; null for a call within the process.</param>
    public bool Allows(IPAddress? remote)
    {
        IPAddress? address = remote is { IsIPv4MappedToIPv6: true } ? remote.MapToIPv4() : remote;
        return address is null || _networks.Count == 0 || _networks.Any(network => network.Contains(address));
    }

    /// <summary>Returns the caller of a token; null for an unknown token. The time does not depend on the token.</summary>
    public Caller? Find(string token)
    {
        byte[] hash = Hash(token);
        Caller? found = null;
        foreach ((byte[] known, Caller caller) in _tokens)
        {
            if (CryptographicOperations.FixedTimeEquals(hash, known))
            {
                found = caller;
            }
        }
        return found;
    }

    private static (byte[] Token, Caller Caller) Entry(string token, Caller caller) => (Hash(token), caller);

    private static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));
}
