using Brownian.Jobs.Broadcasts;
using MassTransit;

namespace Brownian.Jobs.RabbitMq;

/// <summary>A command to a worker as a message. Its URN is the one of version 0.1, whose processes read and send it.</summary>
/// <param name="Sender">The process that sends it and has already applied it.</param>
/// <param name="Worker">The worker's id.</param>
/// <param name="Action">The command.</param>
[MessageUrn("Brownian.Platform.RabbitMq:WorkerTold")]
internal sealed record MassTransitWorkerCommand(string Sender, string Worker, WorkerAction Action);
