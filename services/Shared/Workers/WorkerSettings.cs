namespace Brownian.Workers;

/// <summary>How a worker works.</summary>
public sealed record WorkerSettings
{
    /// <summary>Stages it works on at once.</summary>
    public int Slots { get; init; } = 1;

    /// <summary>
    /// A checkpoint every so many evaluations. Its write goes on beside the next one, so that a kill costs one more than this at most.
    /// </summary>
    public int CheckpointEvery { get; init; } = 4;

    /// <summary>
    /// How old a job may grow while newer ones of higher classes go first: from then on its stages are taken before every second of theirs.
    /// </summary>
    public TimeSpan MaxWait { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Progress is written down at most so often; every evaluation asks whether the job goes on.</summary>
    public TimeSpan ProgressEvery { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>How long a draining worker may finish what it has before it hands it back as it is.</summary>
    public TimeSpan DrainTime { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>How often it says that it is there.</summary>
    public TimeSpan HeartbeatEvery { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>What its checkpoints are worth to: device and precision. Only an equal worker goes on from them.</summary>
    public string Provider { get; init; } = "cpu";

    /// <summary>Where its gRPC services answer, once the process listens; null where it has none of its own.</summary>
    public Func<string?> Address { get; init; } = static () => null;

    /// <summary>Whether its process ends when it was told to drain.</summary>
    public bool EndsProcess { get; init; } = true;

    /// <summary>How long starting may fail, with a pause after each try, before the process ends with an error.</summary>
    public TimeSpan StartTime { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>
    /// The pause after the first failed start, and after a slot's unexpected exception; it doubles up to <see cref="MaxRestartPause"/>.
    /// </summary>
    public TimeSpan RestartPause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest pause between two starts.</summary>
    public TimeSpan MaxRestartPause { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Resident bytes above which it drains between two stages, where <see cref="EndsProcess"/> holds; 0 for no limit.</summary>
    public long ResidentLimit { get; init; }
}
