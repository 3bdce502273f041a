using Brownian.Jobs.Queues;
using Brownian.Models.Devices;

namespace Brownian.Workers;

/// <summary>The settings of a worker.</summary>
public sealed record WorkerSettings
{
    /// <summary>The number of stages that it runs at once.</summary>
    public int Slots { get; init; } = 1;

    /// <summary>
    /// The number of evaluations between checkpoints. A checkpoint is written during the next evaluation, so a kill loses at most one evaluation more
    /// than this.
    /// </summary>
    public int CheckpointEvery { get; init; } = 4;

    /// <summary>The age from which a job's stages are taken ahead of newer jobs of higher classes in every second take.</summary>
    public TimeSpan MaxWait { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The least time between stored progress reports. Every evaluation checks whether the job has ended.</summary>
    public TimeSpan ProgressEvery { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>How long a draining worker may finish its stages before it hands them back in their current state.</summary>
    public TimeSpan DrainTime { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>The interval between heartbeats.</summary>
    public TimeSpan HeartbeatEvery { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>The device that runs its graphs.</summary>
    public Device Device { get; init; } = Device.Cpu;

    /// <summary>The device and precision of its checkpoints. Only a worker with the same value resumes from them.</summary>
    public string Provider => Device.Provider;

    /// <summary>Returns the address of its gRPC services, once the process listens; null when it has none.</summary>
    public Func<string?> Address { get; init; } = static () => null;

    /// <summary>The host name in the certificate of its gRPC services; null for the host of <see cref="Address"/>.</summary>
    public string? ServerName { get; init; }

    /// <summary>Whether its process exits after the drain command.</summary>
    public bool EndsProcess { get; init; } = true;

    /// <summary>The priority classes whose stages it takes.</summary>
    public IReadOnlyList<JobPriority> Priorities { get; init; } = Enum.GetValues<JobPriority>();

    /// <summary>Whether it stops, and its process exits with 0, when its queues are empty.</summary>
    public bool Drains { get; init; }

    /// <summary>How long starting may fail, with a pause after each try, before the process exits with an error.</summary>
    public TimeSpan StartTime { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>
    /// The pause after the first failed start, and after an unexpected exception in a slot; it doubles up to <see cref="MaxRestartPause"/>.
    /// </summary>
    public TimeSpan RestartPause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest pause.</summary>
    public TimeSpan MaxRestartPause { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The resident bytes above which the worker drains between two stages and its process exits; 0 for no limit.</summary>
    public long ResidentLimit { get; init; }
}
