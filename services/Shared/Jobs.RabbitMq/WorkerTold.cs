using Brownian.Jobs.Broadcasts;

namespace Brownian.Jobs.RabbitMq;

/// <summary>A command on the wire.</summary>
/// <param name="Sender">The process that tells; it has heard itself already.</param>
/// <param name="Worker">The worker's id.</param>
/// <param name="Action">What.</param>
internal sealed record WorkerTold(string Sender, string Worker, WorkerAction Action);
