namespace Brownian.Jobs.Access;

/// <summary>The limits at which a request can be refused; the numbers are those of the stores' scripts.</summary>
public enum QuotaKind
{
    /// <summary><see cref="TenantQuotas.RequestsPerMinute"/>.</summary>
    RequestsPerMinute = 1,

    /// <summary><see cref="TenantQuotas.Jobs"/>.</summary>
    Jobs = 2,

    /// <summary><see cref="TenantQuotas.PixelStepsPerDay"/>.</summary>
    PixelStepsPerDay = 3,

    /// <summary><see cref="TenantQuotas.StoredBytes"/>.</summary>
    StoredBytes = 4,
}
