namespace Brownian.Jobs.Catalog;

/// <summary>A worker as the catalogue shows it.</summary>
public sealed record WorkerCard
{
    /// <summary>Its id: role, machine and a number of its own.</summary>
    public required string Id { get; init; }

    /// <summary>text-encoder, denoiser or vae-decoder.</summary>
    public required string Role { get; init; }

    /// <summary>Whether it takes work.</summary>
    public WorkerState State { get; init; }

    /// <summary>The models it serves, and their fingerprints.</summary>
    public IReadOnlyDictionary<string, string> Models { get; init; } = new Dictionary<string, string>();

    /// <summary>Where its gRPC services answer; null where it has none of its own.</summary>
    public string? Address { get; init; }

    /// <summary>Stages it works on.</summary>
    public int Busy { get; init; }

    /// <summary>Stages it can work on at once.</summary>
    public int Slots { get; init; } = 1;

    /// <summary>Whether its process ends when it is told to drain; otherwise it can be resumed.</summary>
    public bool EndsProcess { get; init; } = true;

    /// <summary>What runs its graphs.</summary>
    public string Provider { get; init; } = "cpu";

    /// <summary>When it last said so.</summary>
    public DateTimeOffset Seen { get; init; }
}
