using System.Net;
using System.Security.Cryptography;
using System.Text;
using Grpc.Core;

namespace Brownian.Hosting;

/// <summary>
/// Authorizes calls that operate workers: they must come from the operators' networks (by default the machine itself) and contain the operators'
/// token.
/// </summary>
public sealed class OperatorAccess
{
    /// <summary>The file in a data folder that contains the token.</summary>
    public const string FileName = "operator-token";

    private const string Scheme = "Bearer ";

    private readonly IReadOnlyList<IPNetwork> _networks;
    private readonly byte[]? _token;

    /// <summary>Reads the token from the settings, or from a data folder, where it is created at the first start.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="folder">A data folder; null when there is none.</param>
    /// <exception cref="FieldFaultException">The folder's file cannot be read or written.</exception>
    public OperatorAccess(PlatformOptions options, string? folder)
    {
        _networks = options.OperatorsNetworks();
        string? token = options.OperatorToken is { Length: > 0 } given ? given : folder is null ? null : ReadOrMake(Path.Combine(folder, FileName));
        _token = token is null ? null : Encoding.UTF8.GetBytes(token);
    }

    /// <summary>Refuses a call that does not come from the operators' networks.</summary>
    /// <exception cref="RpcException">PERMISSION_DENIED.</exception>
    public void RequireNetwork(ServerCallContext context)
    {
        IPAddress? remote = context.GetHttpContext().Connection.RemoteIpAddress;
        IPAddress? address = remote is { IsIPv4MappedToIPv6: true } ? remote.MapToIPv4() : remote;
        if (address is not null && !_networks.Any(network => network.Contains(address)))
        {
            throw new RpcException(new Status(StatusCode.PermissionDenied, "the operators' interface cannot be called from this address"));
        }
    }

    /// <summary>Refuses a call that does not come from the operators' networks with the operators' token.</summary>
    /// <exception cref="RpcException">PERMISSION_DENIED, or UNAUTHENTICATED without the token.</exception>
    public void RequireOperator(ServerCallContext context)
    {
        RequireNetwork(context);
        if (_token is null)
        {
            throw new RpcException(
                new Status(
                    StatusCode.PermissionDenied, $"no operators' token is set: set {PlatformOptions.Field(nameof(PlatformOptions.OperatorToken))}"));
        }
        string given = context.RequestHeaders.GetValue("authorization") ?? "";
        if (!given.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            || !CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given[Scheme.Length..].Trim()), _token))
        {
            throw new RpcException(
                new Status(
                    StatusCode.Unauthenticated,
                    "the operators' token is missing or wrong; it comes from --token or BROWNIAN_OPERATOR_TOKEN on the command line, and as "
                        + "\"authorization: Bearer TOKEN\" in calls; brownian serve stores its token in the file operator-token of its data folder"));
        }
    }

    private static string ReadOrMake(string file)
    {
        try
        {
            if (File.Exists(file))
            {
                return File.ReadAllText(file).Trim();
            }
            string token = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }
            using var writer = new StreamWriter(file, options);
            writer.WriteLine(token);
            return token;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new FieldFaultException(new FieldFault(
                PlatformOptions.Field(nameof(PlatformOptions.DataFolder)), $"the operators' token cannot be stored in {file}: {exception.Message}"));
        }
    }
}
