using Brownian.Jobs.Queues;
using RabbitMQ.Client;

namespace Brownian.Jobs.RabbitMq;

/// <summary>A message on the channel that it came on, which no other worker gets until it is acknowledged.</summary>
internal sealed class RabbitMqDelivery(RabbitMqChannel link, IChannel channel, ulong tag, StageMessage message) : IStageDelivery
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);
    private int _acknowledged;

    /// <inheritdoc/>
    public StageMessage Message { get; } = message;

    /// <inheritdoc/>
    public async ValueTask AcknowledgeAsync()
    {
        // The broker closes the channel at a second acknowledgement, and it may be another message's by then.
        if (Interlocked.Exchange(ref _acknowledged, 1) != 0)
        {
            return;
        }
        FaultPoint.Reach("before acknowledge");
        try
        {
            using var limit = new CancellationTokenSource(Limit);
            await channel.BasicAckAsync(tag, multiple: false, limit.Token).ConfigureAwait(false);
            link.Return(channel, confirming: false);
        }
        catch (Exception fault) when (RabbitMqChannel.IsOutage(fault))
        {
            // The message is not acknowledged and comes again. The channel must not serve another with this one still open on it.
            RabbitMqChannel.Drop(channel);
        }
        FaultPoint.Reach("after acknowledge");
    }
}
