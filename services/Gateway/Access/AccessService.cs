using Brownian.Hosting;
using Brownian.Jobs.Access;
using Brownian.Jobs.Records;
using Brownian.V1;
using Grpc.Core;
using Tenant = Brownian.Jobs.Access.Tenant;

namespace Brownian.Gateway.Access;

/// <summary>Manages keys and tenants, and reports usage and the audit log.</summary>
/// <param name="store">Stores keys and tenants.</param>
/// <param name="jobs">Counts what tenants use.</param>
/// <param name="audit">The audit log.</param>
/// <param name="trail">Writes what is done here to the audit log.</param>
/// <param name="initial">The first key of the installation.</param>
/// <param name="logger">Logs that the file of the first key cannot be written.</param>
[Requires(Permission.Administer)]
public sealed partial class AccessService(
    IAccessStore store, IJobStore jobs, IAuditLog audit, AuditTrail trail, InitialKey initial, ILogger<AccessService> logger) : V1.Access.AccessBase
{
    private const int MaxName = 128;
    private const int MaxPage = 1000;
    private const int DefaultPage = 100;

    private static readonly TimeSpan DefaultOverlap = TimeSpan.FromDays(1);
    private static readonly TimeSpan MaxOverlap = TimeSpan.FromDays(366);

    private DateTimeOffset Now => jobs.Clock.GetUtcNow();

    /// <inheritdoc/>
    public override async Task<CreatedKey> CreateKey(CreateKeyRequest request, ServerCallContext context)
    {
        var faults = new List<FieldFault>();
        string tenant = request.Tenant.Length == 0 ? Tenant.Default : request.Tenant;
        if (!Tenant.IsName(tenant))
        {
            faults.Add(FieldFault.Of("tenant", Shortened(tenant), Tenant.AllowedNames));
        }
        else if (await store.FindTenantAsync(tenant, context.CancellationToken) is null)
        {
            faults.Add(FieldFault.Of("tenant", tenant, $"an existing tenant; \"brownian tenants set {tenant}\" creates this one"));
        }
        if (request.Name.Length > MaxName)
        {
            faults.Add(new FieldFault("name", $"has {request.Name.Length} characters; allowed: up to {MaxName}"));
        }
        if (request.Name.Any(char.IsControl))
        {
            faults.Add(new FieldFault("name", "contains a control character, such as a line break; allowed: others"));
        }
        Role? role = Roles.Find(request.Role.Length == 0 ? Roles.NameOf(Role.User) : request.Role);
        if (role is null)
        {
            faults.Add(FieldFault.Of("role", Shortened(request.Role), Roles.Allowed));
        }
        for (int i = 0; i < request.Scopes.Count; i++)
        {
            string field = string.Create(CultureInfo.InvariantCulture, $"scopes[{i}]");
            if (Scopes.Find(request.Scopes[i]) is not { } scope)
            {
                faults.Add(FieldFault.Of(field, Shortened(request.Scopes[i]), Scopes.Allowed));
            }
            else if (role is { } known && !Roles.PermissionsOf(known).HasFlag(scope))
            {
                faults.Add(FieldFault.Of(
                    field, request.Scopes[i],
                    $"those of the role {Roles.NameOf(known)}: {string.Join(", ", Scopes.NamesOf(Roles.PermissionsOf(known)))}"));
            }
        }
        DateTimeOffset? expires = request.ExpireTime?.ToDateTimeOffset();
        if (expires <= Now)
        {
            faults.Add(FieldFault.Of("expire_time", $"{expires:O}", "a time in the future"));
        }
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
        return await AddAsync(
            new ApiKey
            {
                Id = "",
                Hash = "",
                Tenant = tenant,
                Name = request.Name,
                Role = role!.Value,
                Scopes = [.. request.Scopes.Distinct(StringComparer.Ordinal)],
                Expires = expires,
            },
            "key.create",
            context);
    }

    /// <inheritdoc/>
    public override async Task<ListKeysResponse> ListKeys(ListKeysRequest request, ServerCallContext context)
    {
        var response = new ListKeysResponse();
        response.Keys.Add(
            (await store.KeysAsync(context.CancellationToken)).Where(key => request.Tenant.Length == 0 || key.Tenant == request.Tenant)
                .OrderBy(key => key.Created).Select(AccessMessages.ToMessage));
        return response;
    }

    /// <inheritdoc/>
    public override async Task<Key> RevokeKey(RevokeKeyRequest request, ServerCallContext context)
    {
        ApiKey key = await FindAsync(request.Id, context);
        await trail.WriteAsync(context, "key.revoke", key.Id, key.Tenant, "");
        return AccessMessages.ToMessage(await store.EndKeyAsync(key.Id, Now, null, context.CancellationToken) ?? throw Missing(request.Id));
    }

    /// <inheritdoc/>
    public override async Task<CreatedKey> RotateKey(RotateKeyRequest request, ServerCallContext context)
    {
        TimeSpan overlap = request.Overlap?.ToTimeSpan() ?? DefaultOverlap;
        if (overlap < TimeSpan.Zero || overlap > MaxOverlap)
        {
            throw new FieldFaultException("overlap", request.Overlap, $"0..{MaxOverlap.TotalSeconds:0} s");
        }
        ApiKey key = await FindAsync(request.Id, context);
        if (!key.IsValid(Now))
        {
            throw new RpcException(new Status(StatusCode.FailedPrecondition, $"key {key.Id} has ended; create a new one"));
        }
        DateTimeOffset? ends = key.Expires is { } end ? Now + (end - key.Created) : null;
        CreatedKey created = await AddAsync(key with { Expires = ends }, "key.rotate", context, $"replaces {key.Id}");
        await store.EndKeyAsync(key.Id, Now, Now + overlap, context.CancellationToken);
        try
        {
            initial.Rotate(key.Id, KeyText.TryParse(created.Text, out KeyText? text) ? text : throw new InvalidOperationException("no key"));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            InitialKeyNotWritten(logger, exception);
        }
        return created;
    }

    /// <inheritdoc/>
    public override async Task<V1.Tenant> SetTenant(SetTenantRequest request, ServerCallContext context)
    {
        var faults = new List<FieldFault>();
        if (!Tenant.IsName(request.Name))
        {
            faults.Add(FieldFault.Of("name", Shortened(request.Name), Tenant.AllowedNames));
        }
        Tenant before = faults.Count == 0 && await store.FindTenantAsync(request.Name, context.CancellationToken) is { } known
            ? known
            : new Tenant { Name = request.Name, Created = Now };
        Tenant changed = before with
        {
            Quotas = AccessMessages.Change(before.Quotas, request.Quotas, faults),
            IsDisabled = request.HasDisabled ? request.Disabled : before.IsDisabled,
        };
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
        await trail.WriteAsync(context, "tenant.set", changed.Name, changed.Name, AccessMessages.Describe(changed));
        await store.PutTenantAsync(changed, context.CancellationToken);
        return AccessMessages.ToMessage(changed);
    }

    /// <inheritdoc/>
    public override async Task<ListTenantsResponse> ListTenants(ListTenantsRequest request, ServerCallContext context)
    {
        var response = new ListTenantsResponse();
        response.Tenants.Add((await store.TenantsAsync(context.CancellationToken)).Select(AccessMessages.ToMessage));
        return response;
    }

    /// <inheritdoc/>
    public override async Task<UsageReport> GetUsage(GetUsageRequest request, ServerCallContext context)
    {
        (DateOnly first, DateOnly last) = AccessMessages.ReadDays(request.FirstDay, request.LastDay, Now);
        return AccessMessages.ToMessage(
            await jobs.UsageAsync(first, last, request.Tenant.Length == 0 ? null : request.Tenant, context.CancellationToken));
    }

    /// <inheritdoc/>
    public override async Task<ListAuditResponse> ListAudit(ListAuditRequest request, ServerCallContext context)
    {
        if (request.PageSize is < 0 or > MaxPage)
        {
            throw new FieldFaultException("page_size", request.PageSize, $"1..{MaxPage}, or 0 for {DefaultPage}");
        }
        AuditPosition after = default;
        if (request.PageToken.Length > 0 && !AuditPosition.TryParse(request.PageToken, out after))
        {
            throw new FieldFaultException("page_token", request.PageToken, "the next_page_token of an answer");
        }
        AuditPage page = await audit.ReadAsync(
            request.Tenant.Length == 0 ? null : request.Tenant,
            request.PageToken.Length == 0 ? null : after,
            request.PageSize == 0 ? DefaultPage : request.PageSize,
            context.CancellationToken);
        var response = new ListAuditResponse { NextPageToken = page.Next?.ToString() ?? "" };
        response.Entries.Add(page.Entries.Select(AccessMessages.ToMessage));
        return response;
    }

    private static string Shortened(string text) => text.Length <= 80 ? text : text[..80] + "...";

    private static RpcException Missing(string id) => new(new Status(StatusCode.NotFound, $"there is no key \"{Shortened(id)}\""));

    private async Task<CreatedKey> AddAsync(ApiKey like, string action, ServerCallContext context, string details = "")
    {
        while (true)
        {
            var text = KeyText.Create();
            ApiKey key = like with { Id = text.Id, Hash = text.Hash(), Created = Now, Revoked = null };
            string role = "role " + Roles.NameOf(key.Role);
            await trail.WriteAsync(context, action, key.Id, key.Tenant, details.Length > 0 ? $"{role}, {details}" : role);
            if (await store.TryAddKeyAsync(key, context.CancellationToken))
            {
                return new CreatedKey { Key = AccessMessages.ToMessage(key), Text = text.ToString() };
            }
        }
    }

    private async Task<ApiKey> FindAsync(string id, ServerCallContext context) =>
        (await store.FindKeyAsync(id, context.CancellationToken)).Key ?? throw Missing(id);

    [LoggerMessage(EventId = 102, EventName = "InitialKeyNotWritten", Level = LogLevel.Warning,
        Message = "The rotated first key cannot be written to its file")]
    private static partial void InitialKeyNotWritten(ILogger logger, Exception exception);
}
