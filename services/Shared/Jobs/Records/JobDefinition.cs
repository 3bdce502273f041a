using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Brownian.Jobs.Costs;
using Brownian.Jobs.Queues;
using Brownian.Models.Plans;

namespace Brownian.Jobs.Records;

/// <summary>The immutable part of a job.</summary>
public sealed record JobDefinition
{
    /// <summary>The job's id: 32 hexadecimal digits, which sort by time.</summary>
    public required string Id { get; init; }

    /// <summary>Returns the submission time, to the millisecond, that an id contains; null for an id of another kind.</summary>
    /// <param name="id">An id of version 7 of RFC 9562, which begins with the Unix time in milliseconds.</param>
    public static DateTimeOffset? TimeOf(string id) =>
        id.Length == 32 && long.TryParse(id.AsSpan(0, 12), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out long milliseconds)
            && milliseconds <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)
            : null;

    /// <summary>The tenant that owns the job; null for the default one, as in jobs of versions up to 0.2.</summary>
    public string? Tenant { get; init; }

    /// <summary>The name of <see cref="Tenant"/>.</summary>
    [JsonIgnore]
    public string TenantName => Tenant ?? Access.Tenant.Default;

    /// <summary>
    /// The pixels of the images times the evaluations of their denoisers (<see cref="Access.TenantQuotas.PixelStepsPerDay"/>); 0 for a job of version
    /// 0.2 or older.
    /// </summary>
    public long PixelSteps { get; init; }

    /// <summary>The bytes of <see cref="Files"/>.</summary>
    public long FileBytes { get; init; }

    /// <summary>When the job was submitted, by the store's clock.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>The plan that the job runs.</summary>
    public required Plan Plan { get; init; }

    /// <summary>The work of each stage; empty for a job of version 0.2 or older.</summary>
    public IReadOnlyList<StageWork> Work { get; init; } = [];

    /// <summary>The request with every default filled in, in the form of a request file.</summary>
    public JsonObject Request { get; init; } = [];

    /// <summary>The model that the request names.</summary>
    public string Model { get; init; } = "";

    /// <summary>The model's fingerprint when the request was resolved.</summary>
    public string ModelFingerprint { get; init; } = "";

    /// <summary>The priority class.</summary>
    public JobPriority Priority { get; init; } = JobPriority.Standard;

    /// <summary>The time at which the job fails if it has not ended; null for never.</summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>The client's labels.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>The client's idempotency key for the submission, or null.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>The idempotency key of the tenant, by which the store finds the job; null without a key.</summary>
    [JsonIgnore]
    public string? StoredKey => IdempotencyKey is { } key ? KeyOf(Tenant, key) : null;

    /// <summary>Returns the key by which the store finds the job of a tenant's idempotency key. Keys of two tenants are never equal.</summary>
    /// <param name="tenant">As <see cref="Tenant"/>.</param>
    /// <param name="key">The client's key.</param>
    public static string KeyOf(string? tenant, string key) =>
        // The keys of the default tenant are stored as in version 0.2, where no other key can begin like those of tenants.
        tenant is null && !key.StartsWith(Separator) ? key : $"{Separator}{tenant}{Separator}{key}";

    private const char Separator = '\u001f';

    /// <summary>The address that is called when the job has ended, or null.</summary>
    public string? CallbackUrl { get; init; }

    /// <summary>A hash of the request as the client sent it.</summary>
    public string RequestHash { get; init; } = "";

    /// <summary>Ids of the files that came with the request and are stored for this job (<see cref="JobFile"/>).</summary>
    public IReadOnlyList<string> Files { get; init; } = [];

    /// <summary>Ids of the files that existed before: uploads that the request names, and those of a job that this one retries.</summary>
    public IReadOnlyList<string> Uploads { get; init; } = [];

    /// <summary>Warnings for the client about request fields that have no effect.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>The job that this one retries, or null.</summary>
    public string? RetryOf { get; init; }

    /// <summary>The W3C trace context of the client's call, or null.</summary>
    public string? TraceParent { get; init; }
}
