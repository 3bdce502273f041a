using Brownian.Jobs.Access;

namespace Brownian.Hosting;

/// <summary>Finds the quotas of callers.</summary>
/// <param name="store">The tenants.</param>
/// <param name="options">The settings, with the quotas of tenants that have none of their own.</param>
public sealed class CallerQuotas(IAccessStore store, PlatformOptions options)
{
    private readonly TenantQuotas _defaults = options.ReadTenantQuotas();

    /// <summary>Returns the quotas of a tenant.</summary>
    public TenantQuotas Of(Tenant tenant) => tenant.Quotas.Or(_defaults);

    /// <summary>Returns the quotas of a caller's tenant.</summary>
    public async Task<TenantQuotas> OfAsync(Caller caller, CancellationToken cancellationToken) =>
        await store.FindTenantAsync(caller.Tenant, cancellationToken).ConfigureAwait(false) is { } tenant ? Of(tenant) : _defaults;
}
