namespace Brownian.Jobs.Queues;

/// <summary>A message that a worker has received. The broker redelivers it to another worker if this one dies before it acknowledges.</summary>
public interface IStageDelivery
{
    /// <summary>The message.</summary>
    StageMessage Message { get; }

    /// <summary>
    /// Acknowledges the message: its effect is stored. Never throws: an unacknowledged message is delivered again, which is harmless.
    /// </summary>
    ValueTask AcknowledgeAsync();
}
