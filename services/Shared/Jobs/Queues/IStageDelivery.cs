namespace Brownian.Jobs.Queues;

/// <summary>A message in a worker's hand. The broker gives it to another worker if this one dies before it says that it has it.</summary>
public interface IStageDelivery
{
    /// <summary>The message.</summary>
    StageMessage Message { get; }

    /// <summary>
    /// The message is not needed any more: what it says is written down. Never throws: what was not acknowledged comes again and does no harm.
    /// </summary>
    ValueTask AcknowledgeAsync();
}
