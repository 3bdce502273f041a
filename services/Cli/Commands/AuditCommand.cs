using System.CommandLine;
using Brownian.Cli.Remote;
using Brownian.V1;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian audit</c>: the newest entries of the audit log.</summary>
internal static class AuditCommand
{
    public static Command Create()
    {
        var operators = new OperatorsOption();
        var tenant = new Option<string?>("--tenant") { Description = "Only entries of this tenant", HelpName = "NAME" };
        var limit = new Option<int>("--limit") { Description = "The number of entries, 1..1000", HelpName = "N", DefaultValueFactory = _ => 100 };
        var json = new Option<bool>("--json") { Description = "Write them to standard output as JSON" };
        var command = new Command("audit", "Shows who did what, the newest first: jobs, keys, tenants, workers, refused calls")
        {
            tenant, limit, json,
        };
        operators.AddTo(command);
        command.SetAction((parsed, cancellationToken) =>
        {
            if (parsed.GetValue(limit) is var most and not (>= 1 and <= 1000))
            {
                throw new FieldFaultException("--limit", most, "1..1000");
            }
            return operators.CallAsync(
                parsed,
                async client =>
                {
                    ListAuditResponse response = await client.Access.ListAuditAsync(
                        new ListAuditRequest { Tenant = parsed.GetValue(tenant) ?? "", PageSize = parsed.GetValue(limit) },
                        cancellationToken: cancellationToken);
                    if (parsed.GetValue(json))
                    {
                        Console.Out.WriteLine(JobText.Json(response));
                        return ExitCode.Success;
                    }
                    foreach (AuditRecord entry in response.Entries)
                    {
                        string time = entry.Time.ToDateTime().ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
                        Console.Out.WriteLine(string.Join(
                            "    ",
                            ((string[])[time, entry.Actor, entry.Tenant, entry.Action, entry.Target, entry.Address, entry.Details])
                                .Where(part => part.Length > 0)));
                    }
                    return ExitCode.Success;
                },
                cancellationToken);
        });
        return command;
    }
}
