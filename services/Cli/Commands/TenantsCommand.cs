using System.CommandLine;
using Brownian.Cli.Remote;
using Brownian.V1;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian tenants</c>: creates, changes and lists tenants.</summary>
internal static class TenantsCommand
{
    public static Command Create() => new("tenants", "Manages the tenants of a server and their quotas: set, list")
    {
        CreateSet(), CreateList(),
    };

    private static Command CreateSet()
    {
        var operators = new OperatorsOption();
        var name = new Argument<string>("NAME") { Description = "The tenant: lower-case letters, digits and dashes" };
        Option<long?> requests = Quota("--requests-per-minute", "Requests in any 60 seconds: jobs, retries and direct calls");
        Option<long?> jobs = Quota("--jobs", "Jobs that wait or run at once, with direct calls");
        Option<long?> steps = Quota("--pixel-steps-per-day", "Pixels of images times evaluations of the denoiser, in a day (UTC)");
        Option<long?> bytes = Quota("--stored-bytes", "Bytes of images and uploads");
        var disable = new Option<bool>("--disable") { Description = "Refuse the tenant's callers" };
        var enable = new Option<bool>("--enable") { Description = "Let a disabled tenant's callers in again" };
        var json = new Option<bool>("--json") { Description = "Write the tenant to standard output as JSON" };
        const string About = "Creates a tenant, or changes what the options state; -1 removes a quota, so that the server's default applies";
        var command = new Command("set", About)
        {
            name, requests, jobs, steps, bytes, disable, enable, json,
        };
        operators.AddTo(command);
        command.SetAction((parsed, cancellationToken) =>
        {
            if (parsed.GetValue(disable) && parsed.GetValue(enable))
            {
                throw new FieldFaultException(new FieldFault("--disable", "cannot be given with --enable"));
            }
            var quotas = new Quotas();
            if (parsed.GetValue(requests) is { } requestsPerMinute)
            {
                quotas.RequestsPerMinute = requestsPerMinute;
            }
            if (parsed.GetValue(jobs) is { } most)
            {
                quotas.Jobs = most;
            }
            if (parsed.GetValue(steps) is { } pixelSteps)
            {
                quotas.PixelStepsPerDay = pixelSteps;
            }
            if (parsed.GetValue(bytes) is { } stored)
            {
                quotas.StoredBytes = stored;
            }
            var request = new SetTenantRequest { Name = parsed.GetValue(name)!, Quotas = quotas };
            if (parsed.GetValue(disable) || parsed.GetValue(enable))
            {
                request.Disabled = parsed.GetValue(disable);
            }
            return operators.CallAsync(
                parsed,
                async client =>
                {
                    Tenant tenant = await client.Access.SetTenantAsync(request, cancellationToken: cancellationToken);
                    Console.Out.WriteLine(parsed.GetValue(json) ? JobText.Json(tenant) : Line(tenant));
                    return ExitCode.Success;
                },
                cancellationToken);
        });
        return command;
    }

    private static Command CreateList()
    {
        var operators = new OperatorsOption();
        var json = new Option<bool>("--json") { Description = "Write them to standard output as JSON" };
        var command = new Command("list", "Lists tenants with their own quotas") { json };
        operators.AddTo(command);
        command.SetAction((parsed, cancellationToken) => operators.CallAsync(
            parsed,
            async client =>
            {
                ListTenantsResponse response = await client.Access.ListTenantsAsync(new ListTenantsRequest(), cancellationToken: cancellationToken);
                if (parsed.GetValue(json))
                {
                    Console.Out.WriteLine(JobText.Json(response));
                    return ExitCode.Success;
                }
                foreach (Tenant tenant in response.Tenants)
                {
                    Console.Out.WriteLine(Line(tenant));
                }
                return ExitCode.Success;
            },
            cancellationToken));
        return command;
    }

    private static Option<long?> Quota(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "N",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (!long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value))
            {
                result.AddError($"{name}: \"{text}\" is not allowed; allowed: a whole number, 0 and above, or -1 for none");
            }
            return value;
        },
    };

    private static string Line(Tenant tenant) => string.Join(
        "    ", ((string[])[tenant.Name, tenant.Disabled ? "disabled" : "", AccountCommand.Line(tenant.Quotas)]).Where(part => part.Length > 0));
}
