using System.CommandLine;
using Brownian.Cli.Remote;
using Brownian.V1;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian account</c>: the tenant and the scopes of the caller's credentials, and what is left of the tenant's quotas.</summary>
internal static class AccountCommand
{
    public static Command Create()
    {
        var server = new ServerOption(required: true);
        var json = new Option<bool>("--json") { Description = "Write it to standard output as JSON" };
        var command = new Command("account", "Shows the tenant, scopes and quotas of your credentials at a server") { json };
        server.AddTo(command);
        command.SetAction((parsed, cancellationToken) => server.CallAsync(
            parsed,
            async client =>
            {
                AccountInfo info = await client.Account.GetAsync(new GetAccountRequest(), cancellationToken: cancellationToken);
                Console.Out.WriteLine(
                    parsed.GetValue(json)
                        ? JobText.Json(info)
                        : $"tenant    {info.Tenant}\ncaller    {info.Actor}\nscopes    {string.Join(", ", info.Scopes)}\n"
                            + $"held      {Line(info.Held)}\nallowed   {(Line(info.Quotas) is { Length: > 0 } quotas ? quotas : "no quotas")}");
                return ExitCode.Success;
            },
            cancellationToken));
        return command;
    }

    /// <summary>Writes quotas in one line; those without a limit are left out.</summary>
    public static string Line(Quotas quotas) => string.Join(
        ", ",
        ((string[])
        [
            quotas.HasRequestsPerMinute ? $"{quotas.RequestsPerMinute} requests a minute" : "",
            quotas.HasJobs ? $"{quotas.Jobs} jobs" : "",
            quotas.HasPixelStepsPerDay ? $"{quotas.PixelStepsPerDay} pixel-steps a day" : "",
            quotas.HasStoredBytes ? $"{quotas.StoredBytes} bytes" : "",
        ]).Where(part => part.Length > 0));
}
