using Brownian.Jobs.Broadcasts;
using MassTransit;

namespace Brownian.Jobs.RabbitMq;

/// <summary>A command to a worker as a message. Its URN is that of version 0.1, whose processes read and send the same.</summary>
/// <param name="Sender">The process that sends it, which has acted on it already.</param>
/// <param name="Worker">The worker's id.</param>
/// <param name="Action">What the worker shall do.</param>
[MessageUrn("Brownian.Platform.RabbitMq:WorkerTold")]
internal sealed record MassTransitWorkerCommand(string Sender, string Worker, WorkerAction Action);
