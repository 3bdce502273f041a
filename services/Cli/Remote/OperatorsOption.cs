using System.CommandLine;
using Brownian.Client;
using Brownian.Hosting;
using Grpc.Core;

namespace Brownian.Cli.Remote;

/// <summary><c>--operators</c> and <c>--token</c>: the operators' interface that a command calls, and the token that it sends.</summary>
internal sealed class OperatorsOption
{
    /// <summary>The environment variable that replaces <c>--operators</c>.</summary>
    public const string Variable = "BROWNIAN_OPERATORS";

    private const string TokenVariable = "BROWNIAN_OPERATOR_TOKEN";
    private const string Default = "http://127.0.0.1:5083";

    private readonly Option<string?> _address = new("--operators")
    {
        Description = $"The gRPC address of a gateway's operators' port; when not given, the value of {Variable} or {Default}",
        HelpName = "URL",
    };

    private readonly AuthorityOption _authority = new();

    private readonly Option<string?> _token = new("--token")
    {
        Description =
            $"The operators' token, or a key of the role operator or admin; when not given, the value of {TokenVariable} or the "
                + "token in the data folder of a server on this machine",
        HelpName = "TOKEN",
    };

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_address);
        command.Add(_token);
        if (command.Options.All(option => option.Name != _authority.Option.Name))
        {
            command.Add(_authority.Option);
        }
    }

    /// <summary>Returns the address.</summary>
    /// <exception cref="FieldFaultException">The address is invalid.</exception>
    public string AddressOf(ParseResult parsed)
    {
        string? variable = Environment.GetEnvironmentVariable(Variable);
        (string option, string address) = parsed.GetValue(_address) is { } given ? ("--operators", given)
            : string.IsNullOrEmpty(variable) ? ("--operators", Default)
            : (Variable, variable);
        return ServerOption.Checked(option, [address], "the gRPC address of a gateway's operators' port, such as http://host:5083")[0];
    }

    /// <summary>Returns the token, or null when there is none.</summary>
    public SentSecret? FindToken(ParseResult parsed) =>
        parsed.GetValue(_token) is { Length: > 0 } given ? new SentSecret(given, "--token")
        : Environment.GetEnvironmentVariable(TokenVariable) is { Length: > 0 } token ? new SentSecret(token, TokenVariable)
        : LocalSecret.Find(OperatorAccess.FileName, AddressOf(parsed));

    /// <summary>Calls the operators' interface.</summary>
    /// <exception cref="FieldFaultException">The address is invalid, or the gateway refused the call's fields.</exception>
    /// <exception cref="ServerException">The gateway does not respond, or it refused the call for another reason.</exception>
    /// <exception cref="OperationCanceledException">The command was stopped.</exception>
    public async Task<int> CallAsync(ParseResult parsed, Func<BrownianClient, Task<int>> call, CancellationToken cancellationToken)
    {
        string address = AddressOf(parsed);
        SentSecret? token = FindToken(parsed);
        try
        {
            using var client = new BrownianClient(
                [address], new BrownianClientOptions
                {
                    OperatorAddress = address,
                    OperatorToken = token?.Text,
                    CertificateAuthorities = _authority.Read(parsed),
                });
            return await call(client);
        }
        catch (RpcException exception) when (exception.StatusCode is StatusCode.Unauthenticated or StatusCode.PermissionDenied)
        {
            throw ServerOption.Refused(
                address, exception, token, $"give --token TOKEN or {TokenVariable}: the operators' token, or a key of the role operator or admin");
        }
        catch (RpcException exception)
        {
            throw ServerOption.Translate(exception, $"{address} (--operators)", cancellationToken);
        }
    }
}
