namespace Brownian.Jobs.Access;

/// <summary>The quotas under which a request is admitted. The store checks and counts in one step, for all gateways together.</summary>
/// <param name="Quotas">The tenant's quotas.</param>
/// <param name="UploadedBytes">The bytes of the tenant's uploads, which count with those of its images.</param>
/// <param name="Entry">What the audit log gets when a job is created; null for nothing.</param>
public sealed record Admission(TenantQuotas Quotas, long UploadedBytes, AuditEntry? Entry = null)
{
    /// <summary>Admits everything.</summary>
    public static Admission Free { get; } = new(TenantQuotas.None, 0);
}
