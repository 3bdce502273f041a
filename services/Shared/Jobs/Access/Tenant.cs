namespace Brownian.Jobs.Access;

/// <summary>A tenant: the owner of jobs, uploads and images.</summary>
public sealed record Tenant
{
    /// <summary>The tenant of callers without credentials, and of the jobs of versions that knew no tenants. It always exists.</summary>
    public const string Default = "default";

    /// <summary>What a name may be, for messages.</summary>
    public const string AllowedNames = "1..63 lower-case letters, digits and dashes, beginning with a letter or digit";

    /// <summary>The name.</summary>
    public required string Name { get; init; }

    /// <summary>The tenant's own quotas; those of the settings apply where it has none.</summary>
    public TenantQuotas Quotas { get; init; } = TenantQuotas.None;

    /// <summary>Whether its callers are refused.</summary>
    public bool IsDisabled { get; init; }

    /// <summary>When it was created.</summary>
    public DateTimeOffset Created { get; init; }

    /// <summary>The default tenant while it was never changed.</summary>
    public static Tenant OfDefault { get; } = new() { Name = Default };

    /// <summary>Returns tenants by their names, with the default one.</summary>
    public static IReadOnlyList<Tenant> WithDefault(IEnumerable<Tenant> tenants) =>
        [.. tenants.Append(OfDefault).DistinctBy(tenant => tenant.Name).OrderBy(tenant => tenant.Name, StringComparer.Ordinal)];

    /// <summary>Whether a name is valid.</summary>
    public static bool IsName(string name) => name.Length is >= 1 and <= 63 && name[0] != '-'
        && name.All(character => char.IsAsciiLetterLower(character) || char.IsAsciiDigit(character) || character == '-');

    /// <summary>Returns the form in which a job states its tenant: null for the default one, as in jobs of versions that knew no tenants.</summary>
    public static string? ToStored(string name) => name == Default ? null : name;
}
