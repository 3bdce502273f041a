using System.CommandLine;
using Brownian.Cli.Remote;
using Brownian.Cli.Requests;
using Brownian.Client;
using Brownian.V1;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian audit</c>: the newest entries of the audit log.</summary>
internal static class AuditCommand
{
    private const int MaxPageSize = 1000;

    public static Command Create()
    {
        var operators = new OperatorsOption();
        var tenant = new Option<string?>("--tenant") { Description = "Only entries of this tenant", HelpName = "NAME" };
        var limit = new Option<string?>("--limit")
        {
            Description = "The maximum number of entries, 1..1000000; 100 when not given",
            HelpName = "N",
        };
        var json = new Option<bool>("--json") { Description = "Write them to standard output as JSON" };
        var command = new Command("audit", "Shows who did what, the newest first: jobs, keys, tenants, workers, refused calls")
        {
            tenant, limit, json,
        };
        operators.AddTo(command);
        command.SetAction((parsed, cancellationToken) =>
        {
            var faults = new List<FieldFault>();
            int most = OptionText.Integer(parsed.GetValue(limit), "--limit", 1, 1_000_000, faults) ?? 100;
            return faults.Count > 0 ? throw new FieldFaultException(faults) : operators.CallAsync(
                parsed,
                async client =>
                {
                    ListAuditResponse response = await ListAsync(client, parsed.GetValue(tenant) ?? "", most, cancellationToken);
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

    private static async Task<ListAuditResponse> ListAsync(BrownianClient client, string tenant, int most, CancellationToken cancellationToken)
    {
        var request = new ListAuditRequest { Tenant = tenant };
        var entries = new ListAuditResponse();
        do
        {
            request.PageSize = Math.Min(most - entries.Entries.Count, MaxPageSize);
            ListAuditResponse page = await client.Access.ListAuditAsync(request, cancellationToken: cancellationToken);
            entries.Entries.Add(page.Entries);
            entries.NextPageToken = request.PageToken = page.NextPageToken;
        }
        while (request.PageToken.Length > 0 && entries.Entries.Count < most);
        return entries;
    }
}
