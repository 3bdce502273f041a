using Brownian.Jobs.Access;
using Google.Protobuf.WellKnownTypes;

namespace Brownian.Gateway.Access;

/// <summary>Converts keys, tenants, usage and audit entries to messages of the API, and checks the values of requests.</summary>
internal static class AccessMessages
{
    private const string DayFormat = "yyyy-MM-dd";
    private const int MaxDays = 400;

    public static V1.Key ToMessage(ApiKey key)
    {
        var message = new V1.Key
        {
            Id = key.Id,
            Tenant = key.Tenant,
            Name = key.Name,
            Role = Roles.NameOf(key.Role),
            CreateTime = Timestamp.FromDateTimeOffset(key.Created),
            ExpireTime = Time(key.Expires),
            RevokeTime = Time(key.Revoked),
        };
        message.Scopes.Add(Scopes.NamesOf(key.Permissions));
        return message;
    }

    public static V1.Tenant ToMessage(Tenant tenant) => new()
    {
        Name = tenant.Name,
        Quotas = ToMessage(tenant.Quotas),
        Disabled = tenant.IsDisabled,
        CreateTime = tenant.Created == default ? null : Timestamp.FromDateTimeOffset(tenant.Created),
    };

    public static V1.Quotas ToMessage(TenantQuotas quotas)
    {
        var message = new V1.Quotas();
        if (quotas.RequestsPerMinute is { } requests)
        {
            message.RequestsPerMinute = requests;
        }
        if (quotas.Jobs is { } jobs)
        {
            message.Jobs = jobs;
        }
        if (quotas.PixelStepsPerDay is { } steps)
        {
            message.PixelStepsPerDay = steps;
        }
        if (quotas.StoredBytes is { } bytes)
        {
            message.StoredBytes = bytes;
        }
        return message;
    }

    /// <summary>Describes a tenant for the audit log, with the names of the API.</summary>
    public static string Describe(Tenant tenant) => string.Join(
        ", ",
        ((string[])
        [
            Text("requests_per_minute", tenant.Quotas.RequestsPerMinute), Text("jobs", tenant.Quotas.Jobs),
            Text("pixel_steps_per_day", tenant.Quotas.PixelStepsPerDay), Text("stored_bytes", tenant.Quotas.StoredBytes),
            tenant.IsDisabled ? "disabled" : "",
        ]).Where(part => part.Length > 0));

    public static V1.UsageReport ToMessage(IReadOnlyList<TenantUsage> usage)
    {
        var report = new V1.UsageReport();
        report.Days.Add(usage.Select(day => new V1.DayUsage
        {
            Tenant = day.Tenant,
            Day = day.Day.ToString(DayFormat, CultureInfo.InvariantCulture),
            Requests = day.Requests,
            Done = day.Done,
            Failed = day.Failed,
            Cancelled = day.Cancelled,
            Images = day.Images,
            PixelSteps = day.PixelSteps,
        }));
        return report;
    }

    public static V1.AuditRecord ToMessage(AuditEntry entry) => new()
    {
        Time = Timestamp.FromDateTimeOffset(entry.Time),
        Actor = entry.Actor,
        Tenant = entry.Tenant,
        Action = entry.Action,
        Target = entry.Target,
        Address = entry.Address,
        Details = entry.Details,
    };

    /// <summary>Returns quotas with the changes of a message, in which -1 removes a quota.</summary>
    public static TenantQuotas Change(TenantQuotas quotas, V1.Quotas? changes, List<FieldFault> faults)
    {
        return changes is null
            ? quotas
            : new TenantQuotas(
                Read("requests_per_minute", changes.HasRequestsPerMinute, changes.RequestsPerMinute, quotas.RequestsPerMinute, 100_000),
                Read("jobs", changes.HasJobs, changes.Jobs, quotas.Jobs, long.MaxValue),
                Read("pixel_steps_per_day", changes.HasPixelStepsPerDay, changes.PixelStepsPerDay, quotas.PixelStepsPerDay, long.MaxValue),
                Read("stored_bytes", changes.HasStoredBytes, changes.StoredBytes, quotas.StoredBytes, long.MaxValue));

        long? Read(string field, bool isGiven, long value, long? before, long most)
        {
            if (isGiven && (value < -1 || value > most))
            {
                faults.Add(FieldFault.Of(
                    "quotas." + field, value, most == long.MaxValue ? "0 and above, or -1 for none" : $"0..{most}, or -1 for none"));
            }
            return !isGiven ? before : value < 0 ? null : value;
        }
    }

    /// <summary>Returns the first and the last day of a report; those of the current month where the request states none.</summary>
    public static (DateOnly First, DateOnly Last) ReadDays(string first, string last, DateTimeOffset now)
    {
        var today = DateOnly.FromDateTime(now.UtcDateTime);
        var faults = new List<FieldFault>();
        DateOnly begin = ReadDay("first_day", first, new DateOnly(today.Year, today.Month, 1), faults);
        DateOnly end = ReadDay("last_day", last, today, faults);
        if (faults.Count == 0 && (end < begin || end.DayNumber - begin.DayNumber > MaxDays))
        {
            faults.Add(FieldFault.Of("last_day", end.ToString(DayFormat, CultureInfo.InvariantCulture), $"0 to {MaxDays} days after first_day"));
        }
        return faults.Count == 0 ? (begin, end) : throw new FieldFaultException(faults);
    }

    private static DateOnly ReadDay(string field, string text, DateOnly usual, List<FieldFault> faults)
    {
        if (text.Length == 0)
        {
            return usual;
        }
        if (!DateOnly.TryParseExact(text, DayFormat, CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly day))
        {
            faults.Add(FieldFault.Of(field, text.Length <= 80 ? text : text[..80] + "...", "a day such as 2026-11-29"));
        }
        return day;
    }

    private static string Text(string name, long? quota) =>
        quota is { } known ? string.Create(CultureInfo.InvariantCulture, $"{name} {known}") : "";

    private static Timestamp? Time(DateTimeOffset? time) => time is { } known ? Timestamp.FromDateTimeOffset(known) : null;
}
