using Brownian.Hosting;
using Brownian.Jobs.Access;
using Brownian.Jobs.Uploads;

namespace Brownian.Gateway.Uploads;

/// <summary>The owner of uploads: the caller's tenant, or, for callers without credentials, the address.</summary>
/// <param name="Caller">The caller.</param>
/// <param name="Owner">The owner in the ledger: <c>tenant:NAME</c>, or an address.</param>
public sealed record Uploader(Caller Caller, string Owner)
{
    /// <summary>Returns the uploader of a call.</summary>
    public static Uploader Of(HttpContext context, ClientAddresses addresses)
    {
        Caller caller = Callers.Of(context);
        return new Uploader(caller, caller.IsAnonymous ? addresses.Of(context) : UploadOwner.OfTenant(caller.Tenant));
    }

    /// <summary>
    /// Whether the uploader may use an upload: that of its tenant, or, in the default tenant, that of a caller without credentials.
    /// </summary>
    /// <param name="owner">The owner in the ledger; null for an upload that the ledger does not know.</param>
    public bool MayUse(string? owner) => owner is not null && UploadOwner.IsTenant(owner)
        ? owner == UploadOwner.OfTenant(Caller.Tenant)
        : Caller.Tenant == Tenant.Default;

    /// <summary>Returns the limits of the uploader's own uploads.</summary>
    /// <param name="usual">The limits of the settings.</param>
    /// <param name="imageBytes">The bytes of the tenant's images, which count for its quota.</param>
    public UploadLimits Limit(UploadLimits usual, long imageBytes) => Caller.Quotas.StoredBytes is { } quota
        ? usual with { MaxBytesPerOwner = Math.Max(0, quota - imageBytes) }
        : usual;
}
