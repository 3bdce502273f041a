namespace Brownian.Jobs.Access;

/// <summary>The caller of one call: on behalf of which tenant it is made, and what it may do.</summary>
/// <param name="Tenant">The tenant's name. The caller sees the jobs, uploads and images of this tenant only.</param>
/// <param name="Actor">
/// The caller in the audit log: <c>key:ID</c>, <c>oidc:SUBJECT</c>, <c>operator</c>, <c>certificate:NAME</c> or <c>anonymous</c>.
/// </param>
/// <param name="Permissions">What it may do.</param>
public sealed record Caller(string Tenant, string Actor, Permission Permissions)
{
    /// <summary>A caller without credentials, where none are required.</summary>
    public static Caller Anonymous { get; } =
        new(Access.Tenant.Default, "anonymous", Permission.Read | Permission.Generate | Permission.Stages | Permission.Metrics);

    /// <summary>Whether the caller has shown no credentials.</summary>
    public bool IsAnonymous => Actor == Anonymous.Actor;

    /// <summary>The quotas of the tenant.</summary>
    public TenantQuotas Quotas { get; init; } = TenantQuotas.None;
}
