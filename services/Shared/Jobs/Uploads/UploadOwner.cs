namespace Brownian.Jobs.Uploads;

/// <summary>The owners of uploads in the ledger: tenants, and the addresses of callers without credentials.</summary>
public static class UploadOwner
{
    private const string TenantPrefix = "tenant:";

    /// <summary>Returns the owner of a tenant's uploads.</summary>
    public static string OfTenant(string tenant) => TenantPrefix + tenant;

    /// <summary>Whether an owner is a tenant.</summary>
    public static bool IsTenant(string owner) => owner.StartsWith(TenantPrefix, StringComparison.Ordinal);
}
