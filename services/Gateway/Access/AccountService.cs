using Brownian.Hosting;
using Brownian.Jobs.Access;
using Brownian.Jobs.Records;
using Brownian.Jobs.Uploads;
using Brownian.V1;
using Grpc.Core;

namespace Brownian.Gateway.Access;

/// <summary>Shows callers their own tenant, permissions, quotas and usage.</summary>
/// <param name="quotas">Finds the quotas of tenants.</param>
/// <param name="jobs">Counts what tenants use.</param>
/// <param name="uploads">Accounts for uploads.</param>
[Requires(Permission.Read)]
public sealed class AccountService(CallerQuotas quotas, IJobStore jobs, IUploadLedger uploads) : Account.AccountBase
{
    /// <inheritdoc/>
    public override async Task<AccountInfo> Get(GetAccountRequest request, ServerCallContext context)
    {
        Caller caller = Callers.Of(context);
        TenantHeld held = await jobs.HeldAsync(caller.Tenant, context.CancellationToken);
        long uploaded = await uploads.BytesOfAsync(UploadOwner.OfTenant(caller.Tenant), context.CancellationToken);
        TenantQuotas allowed = await quotas.OfAsync(caller, context.CancellationToken);
        var info = new AccountInfo
        {
            Tenant = caller.Tenant,
            Actor = caller.Actor,
            Quotas = AccessMessages.ToMessage(allowed),
            // Requests are counted for tenants with the quota only.
            Held = AccessMessages.ToMessage(new TenantQuotas(
                allowed.RequestsPerMinute is null ? null : held.RequestsInMinute, held.Jobs, held.PixelStepsToday, held.ImageBytes + uploaded)),
        };
        info.Scopes.Add(Scopes.NamesOf(caller.Permissions));
        return info;
    }

    /// <inheritdoc/>
    public override async Task<UsageReport> GetUsage(GetAccountUsageRequest request, ServerCallContext context)
    {
        (DateOnly first, DateOnly last) = AccessMessages.ReadDays(request.FirstDay, request.LastDay, jobs.Clock.GetUtcNow());
        return AccessMessages.ToMessage(await jobs.UsageAsync(first, last, Callers.Of(context).Tenant, context.CancellationToken));
    }
}
