using System.CommandLine;
using Brownian.Cli.Settings;
using Brownian.Client;
using Brownian.V1;
using Grpc.Core;

namespace Brownian.Cli.Remote;

/// <summary><c>--server</c>: the gateways that a command calls, and the translation of their errors.</summary>
internal sealed class ServerOption
{
    /// <summary>The environment variable that replaces the option.</summary>
    public const string Variable = "BROWNIAN_SERVER";

    /// <summary>What an address may be.</summary>
    public const string Allowed = "a gateway's gRPC address, such as http://host:5081";

    private const string Default = "http://127.0.0.1:5081";
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(10);

    private readonly CredentialsOption _credentials = new();
    private readonly AuthorityOption _authority = new();
    private readonly Option<string[]> _server = new("--server") { HelpName = "URL", DefaultValueFactory = _ => [] };

    /// <param name="required">Whether the command always calls a gateway.</param>
    public ServerOption(bool required)
    {
        _server.Description = required
            ? $"A gateway's gRPC address; can be repeated; when not given, the value of {Variable}, of "
                + $"{UserConfig.Server} in \"brownian config\", or {Default}"
            : "Generate the images at a gateway: its gRPC address, such as http://host:5081; can be repeated";
    }

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="group">Their group in its help.</param>
    public void AddTo(Command command, HelpGroup group = HelpGroup.Options)
    {
        command.Add(_server.In(group));
        command.Add(_credentials.Option.In(group));
        command.Add(_authority.Option.In(group));
    }

    /// <summary>Whether gateways were given on the command line.</summary>
    public bool IsSet(ParseResult parsed) => parsed.GetValue(_server) is { Length: > 0 };

    /// <summary>Calls the first of the gateways that responds.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="call">Makes the calls.</param>
    /// <param name="cancellationToken">Stops the command.</param>
    /// <param name="operators">The option of the operators' interface, for commands that call it too.</param>
    /// <exception cref="FieldFaultException">An address is invalid, or the gateway refused the call's fields.</exception>
    /// <exception cref="ServerException">No gateway responds, or it refused the call for another reason.</exception>
    /// <exception cref="OperationCanceledException">The command was stopped.</exception>
    public async Task<int> CallAsync(
        ParseResult parsed, Func<BrownianClient, Task<int>> call, CancellationToken cancellationToken, OperatorsOption? operators = null)
    {
        string[] addresses = Addresses(parsed);
        string? operatorAddress = operators?.AddressOf(parsed);
        SentSecret? key = _credentials.Find(parsed, addresses[0]);
        try
        {
            var options = new BrownianClientOptions
            {
                Credentials = BrownianClientOptions.Fixed(key?.Text),
                OperatorAddress = operatorAddress,
                OperatorToken = operators?.FindToken(parsed)?.Text,
                CertificateAuthorities = _authority.Read(parsed),
            };
            using BrownianClient client = await FindAsync(addresses, options, key, cancellationToken);
            return await call(client);
        }
        catch (RpcException exception)
        {
            string called = string.Join(", ", addresses) + (operatorAddress is null ? "" : $" or {operatorAddress} (--operators)");
            throw Translate(exception, called, cancellationToken);
        }
    }

    /// <summary>Converts an answer to the exception that the command line reports.</summary>
    internal static Exception Translate(RpcException exception, string address, CancellationToken cancellationToken)
    {
        if (exception.StatusCode == StatusCode.Cancelled)
        {
            return new OperationCanceledException(exception.Message, exception, cancellationToken);
        }
        IReadOnlyList<(string Field, string Description)> faults = BrownianClient.FaultsOf(exception);
        return faults.Count > 0 ? new FieldFaultException([.. faults.Select(fault => new FieldFault(fault.Field, fault.Description))])
            : exception.StatusCode is StatusCode.Unavailable or StatusCode.Unimplemented
            ? new ServerException($"{address}: {Reason(exception)}", exception)
            : new ServerException(
                (exception.Status.Detail.Length > 0 ? exception.Status.Detail : exception.StatusCode.ToString()) + Again(exception), exception);
    }

    /// <summary>Returns the exception about a call that was refused for its credentials.</summary>
    /// <param name="address">The address.</param>
    /// <param name="exception">The answer.</param>
    /// <param name="sent">What the command sent; null for nothing.</param>
    /// <param name="remedy">How to send something.</param>
    internal static ServerException Refused(string address, RpcException exception, SentSecret? sent, string remedy) => new(
        $"{address}: {exception.Status.Detail}; the command line sent {(sent is null ? $"none: {remedy}" : $"that of {sent.Source}")}", exception);

    /// <summary>Returns the addresses as URLs; an address without a scheme, such as <c>localhost:5081</c>, is one of http.</summary>
    /// <exception cref="FieldFaultException">An address is invalid.</exception>
    internal static string[] Checked(string option, string[] given, string allowed)
    {
        const string Separator = "://";
        given =
        [
            .. given.Select(address => address.Contains(Separator, StringComparison.Ordinal) || address.Length == 0 ? address
                : Uri.UriSchemeHttp + Separator + address),
        ];
        FieldFault[] faults =
        [
            .. given.Where(
                address => !(Uri.TryCreate(address, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" && uri.Host.Length > 0))
                .Select(address => FieldFault.Of(option, address, allowed)),
        ];
        return faults.Length == 0 ? given : throw new FieldFaultException(faults);
    }

    private string[] Addresses(ParseResult parsed)
    {
        string[] given = parsed.GetValue(_server) ?? [];
        string option = "--server";
        if (given.Length == 0)
        {
            string? variable = Environment.GetEnvironmentVariable(Variable);
            option = Variable;
            if (string.IsNullOrEmpty(variable))
            {
                variable = (string?)UserConfig.Read()[UserConfig.Server] ?? Default;
                option = $"{UserConfig.FilePath}: {UserConfig.Server}";
            }
            given = variable.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        }
        return Checked(option, given, Allowed);
    }

    /// <summary>
    /// Returns a client of the gateways, after checking that one of them responds. A client retries gateways that become unreachable; gateways that
    /// never respond are reported at once.
    /// </summary>
    private static async Task<BrownianClient> FindAsync(
        string[] addresses, BrownianClientOptions options, SentSecret? key, CancellationToken cancellationToken)
    {
        var away = new List<string>();
        for (int i = 0; i < addresses.Length; i++)
        {
            using (var probe = new BrownianClient([addresses[i]], options with { OperatorAddress = null }))
            {
                try
                {
                    // Any response about a job that cannot exist shows that the server supports jobs.
                    await probe.Generation.GetAsync(new GetJobRequest(), deadline: DateTime.UtcNow + Retry, cancellationToken: cancellationToken);
                }
                catch (RpcException exception) when (exception.StatusCode == StatusCode.NotFound)
                {
                }
                catch (RpcException exception) when (exception.StatusCode is StatusCode.Unauthenticated or StatusCode.PermissionDenied)
                {
                    // It responds; the command reports what is missing.
                    throw Refused(addresses[i], exception, key, CredentialsOption.Remedy);
                }
                catch (RpcException exception) when (!cancellationToken.IsCancellationRequested)
                {
                    away.Add($"{addresses[i]}: {Reason(exception)}");
                    continue;
                }
            }
            return new BrownianClient([.. addresses[i..], .. addresses[..i]], options);
        }
        throw new ServerException("no gateway answers at " + string.Join("; ", away));
    }

    /// <summary>Returns when a refused call can be repeated, as the continuation of a message.</summary>
    private static string Again(RpcException exception) => BrownianClient.RetryAfterOf(exception) is { } time
        ? string.Create(CultureInfo.InvariantCulture, $"; try again in {Math.Ceiling(time.TotalSeconds):0} s")
        : "";

    /// <summary>Returns the root cause of a failed call, or the gateway's message if it responded.</summary>
    private static string Reason(RpcException exception)
    {
        Exception? cause = exception.Status.DebugException;
        while (cause?.InnerException is { } inner)
        {
            cause = inner;
        }
        string reason = cause?.Message ?? exception.Status.Detail;
        return reason.Contains("HTTP_1_1_REQUIRED", StringComparison.Ordinal)
            ? "this port speaks HTTP/1.1, as a gateway's JSON port does (5080); --server is the address of its gRPC port (5081)"
            : reason;
    }
}
