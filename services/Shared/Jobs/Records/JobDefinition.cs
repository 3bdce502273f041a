using System.Text.Json.Nodes;
using Brownian.Jobs.Queues;
using Brownian.Models.Plans;

namespace Brownian.Jobs.Records;

/// <summary>What of a job never changes.</summary>
public sealed record JobDefinition
{
    /// <summary>Its id: 32 hexadecimal digits, which sort by time.</summary>
    public required string Id { get; init; }

    /// <summary>When a job was submitted, to the millisecond, as its id tells; null for an id of another kind.</summary>
    /// <param name="id">The id, of version 7 of RFC 9562: it begins with the Unix time in milliseconds.</param>
    public static DateTimeOffset? TimeOf(string id) =>
        id.Length == 32 && long.TryParse(id.AsSpan(0, 12), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out long milliseconds)
            && milliseconds <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)
            : null;

    /// <summary>When it was submitted, by the store's clock.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>What is done.</summary>
    public required Plan Plan { get; init; }

    /// <summary>The request with every default filled in, as a request file.</summary>
    public JsonObject Request { get; init; } = [];

    /// <summary>The model that the request names.</summary>
    public string Model { get; init; } = "";

    /// <summary>Its fingerprint when the request was resolved.</summary>
    public string ModelFingerprint { get; init; } = "";

    /// <summary>Its class.</summary>
    public JobPriority Priority { get; init; } = JobPriority.Standard;

    /// <summary>When it fails if it has not ended; null for never.</summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>The client's own.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>The client's name for the submission, or null.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>Hash of what the client asked, as it asked.</summary>
    public string RequestHash { get; init; } = "";

    /// <summary>Ids of the files that came with the request and are stored for this job (<see cref="JobFile"/>).</summary>
    public IReadOnlyList<string> Files { get; init; } = [];

    /// <summary>Ids of the files that were there before: uploads that the request names, and those of a job that this one retries.</summary>
    public IReadOnlyList<string> Uploads { get; init; } = [];

    /// <summary>What was asked for and changes nothing, for the client.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>The job that this one retries, or null.</summary>
    public string? RetryOf { get; init; }

    /// <summary>The W3C trace context of the client's call, or null.</summary>
    public string? TraceParent { get; init; }
}
