using Brownian.Jobs.Costs;

namespace Brownian.Jobs.Catalog;

/// <summary>A worker's entry in the catalogue.</summary>
public sealed record WorkerCard
{
    /// <summary>The worker's id: role, machine and a unique number.</summary>
    public required string Id { get; init; }

    /// <summary>text-encoder, denoiser or vae-decoder.</summary>
    public required string Role { get; init; }

    /// <summary>The worker's state.</summary>
    public WorkerState State { get; init; }

    /// <summary>The models that it serves, with their fingerprints.</summary>
    public IReadOnlyDictionary<string, string> Models { get; init; } = new Dictionary<string, string>();

    /// <summary>The names of those of <see cref="Models"/> that it serves because they are in its watched folder.</summary>
    public IReadOnlyList<string> WatchedModels { get; init; } = [];

    /// <summary>The address of its gRPC services; null when it has none.</summary>
    public string? Address { get; init; }

    /// <summary>The host name in the certificate of its gRPC services; null for the host of <see cref="Address"/>.</summary>
    public string? ServerName { get; init; }

    /// <summary>The number of stages that it runs.</summary>
    public int Busy { get; init; }

    /// <summary>The number of stages that it can run at once.</summary>
    public int Slots { get; init; } = 1;

    /// <summary>Whether its process exits when it receives the drain command; otherwise it can be resumed.</summary>
    public bool EndsProcess { get; init; } = true;

    /// <summary>The provider that runs its graphs.</summary>
    public string Provider { get; init; } = "cpu";

    /// <summary>
    /// The device that runs its graphs, such as <c>cuda:1</c>; null for a worker of version 0.2 and older, which states its provider alone.
    /// </summary>
    public string? Device { get; init; }

    /// <summary>The seconds that it took to load and run its models once; null until then, and for a worker of version 0.2 and older.</summary>
    public double? LoadSeconds { get; init; }

    /// <summary>The time of its last heartbeat.</summary>
    public DateTimeOffset Seen { get; init; }

    /// <summary>Whether it runs stages of this kind and model.</summary>
    public bool Serves(StageShape shape) =>
        Role == WorkerRole.Of(shape.Kind).Name && (shape.Model.Length == 0 || Models.ContainsKey(shape.Model));
}
