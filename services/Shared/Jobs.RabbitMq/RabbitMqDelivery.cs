using Brownian.Jobs.Queues;
using RabbitMQ.Client;

namespace Brownian.Jobs.RabbitMq;

/// <summary>A message together with the channel that delivered it. No other worker receives it unless this one fails to acknowledge it.</summary>
internal sealed class RabbitMqDelivery(RabbitMqChannel link, IChannel channel, ulong tag, StageMessage message) : IStageDelivery
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);
    private int _acknowledged;

    /// <inheritdoc/>
    public StageMessage Message { get; } = message;

    /// <inheritdoc/>
    public async ValueTask AcknowledgeAsync()
    {
        // The broker closes the channel on a second acknowledgement, and the channel may have another user by then.
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
            // The message is unacknowledged and is redelivered. The channel must not serve another user while this message is open on it.
            RabbitMqChannel.Drop(channel);
        }
        FaultPoint.Reach("after acknowledge");
    }
}
