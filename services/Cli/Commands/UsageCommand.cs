using System.CommandLine;
using Brownian.Cli.Remote;
using Brownian.V1;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian usage</c>: the usage of tenants by day, as CSV or JSON.</summary>
internal static class UsageCommand
{
    private const string Header = "day,tenant,requests,done,failed,cancelled,images,pixel_steps";

    public static Command Create()
    {
        var operators = new OperatorsOption();
        var tenant = new Option<string?>("--tenant") { Description = "Only this tenant's; all tenants' when not given", HelpName = "NAME" };
        var first = new Option<string?>("--from")
        {
            Description = "The first day (UTC), such as 2026-11-01; that of this month when not given",
            HelpName = "DAY",
        };
        var last = new Option<string?>("--to") { Description = "The last day (UTC); today when not given", HelpName = "DAY" };
        var json = new Option<bool>("--json") { Description = "Write JSON instead of CSV" };
        var command = new Command("usage", "Reports requests, images and pixel-steps of tenants by day, as CSV") { tenant, first, last, json };
        operators.AddTo(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var request = new GetUsageRequest
            {
                Tenant = parsed.GetValue(tenant) ?? "",
                FirstDay = parsed.GetValue(first) ?? "",
                LastDay = parsed.GetValue(last) ?? "",
            };
            try
            {
                return await operators.CallAsync(
                    parsed,
                    async client => Write(
                        await client.Access.GetUsageAsync(request, cancellationToken: cancellationToken), parsed.GetValue(json)),
                    cancellationToken);
            }
            catch (FieldFaultException exception)
            {
                throw new FieldFaultException([.. exception.Faults.Select(fault => new FieldFault(Option(fault.Field), Option(fault.Message)))]);
            }
        });
        return command;

        string Option(string text) =>
            text.Replace("first_day", first.Name, StringComparison.Ordinal).Replace("last_day", last.Name, StringComparison.Ordinal);
    }

    private static int Write(UsageReport report, bool isJson)
    {
        if (isJson)
        {
            Console.Out.WriteLine(JobText.Json(report));
            return ExitCode.Success;
        }
        Console.Out.WriteLine(Header);
        foreach (DayUsage day in report.Days)
        {
            // No value needs quotes: names of tenants contain letters, digits and dashes only.
            Console.Out.WriteLine(
                $"{day.Day},{day.Tenant},{day.Requests},{day.Done},{day.Failed},{day.Cancelled},{day.Images},{day.PixelSteps}");
        }
        return ExitCode.Success;
    }
}
