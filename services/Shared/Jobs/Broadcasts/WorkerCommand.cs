namespace Brownian.Jobs.Broadcasts;

/// <summary>What a worker shall do.</summary>
/// <param name="Worker">The worker's id.</param>
/// <param name="Action">What.</param>
public sealed record WorkerCommand(string Worker, WorkerAction Action);
