namespace Brownian.Jobs.Broadcasts;

/// <summary>A command to a worker.</summary>
/// <param name="Worker">The worker's id.</param>
/// <param name="Action">The command.</param>
public sealed record WorkerCommand(string Worker, WorkerAction Action);
