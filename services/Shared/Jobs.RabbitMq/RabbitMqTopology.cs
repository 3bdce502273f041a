using RabbitMQ.Client;

namespace Brownian.Jobs.RabbitMq;

/// <summary>
/// What there is in the broker, said in one place: senders and receivers declare the same, or the broker refuses the second. Every
/// declaration may be made again, so whatever an operator deletes comes back.
/// </summary>
internal static class RabbitMqTopology
{
    /// <summary>The exchange, and the queue behind it, of messages that no worker will act on.</summary>
    public const string Dead = "brownian.v1.dead";

    /// <summary>The queue of dead messages that name no job: for an operator to look at.</summary>
    public const string Parking = "brownian.v1.parking";

    /// <summary>The exchange that tells idle workers where a message waits.</summary>
    public const string Hints = "brownian.v1.hints";

    /// <summary>The exchange of commands to workers.</summary>
    public const string Commands = "brownian.v1.commands";

    /// <summary>Where MassTransit puts commands that it could not read.</summary>
    public const string CommandErrors = Commands + "_error";

    /// <summary>Where MassTransit puts commands without a handler.</summary>
    public const string CommandsSkipped = Commands + "_skipped";

    /// <summary>
    /// Which job dies of its stage's deaths is decided in the job store. The broker counts returns, those of healthy jobs too, so its own
    /// limit is far away.
    /// </summary>
    private const int DeliveryLimit = 1000;

    private const int ParkedMessages = 1000;
    private const string Type = "x-queue-type";
    private const string Limit = "x-delivery-limit";
    private const string Overflow = "x-overflow";

    /// <summary>The queues of dead messages.</summary>
    public static IReadOnlyList<string> DeadQueues { get; } = [Dead, CommandErrors, CommandsSkipped];

    /// <summary>Declares a queue, whichever of ours it is, after what its messages may go on to.</summary>
    public static async Task DeclareAsync(IChannel channel, string queue, CancellationToken cancellationToken)
    {
        if (queue == Parking)
        {
            await DeclareAsync(
                channel,
                queue,
                new() { ["x-max-length"] = ParkedMessages, [Overflow] = "drop-head" },
                cancellationToken).ConfigureAwait(false);
            return;
        }
        await channel.ExchangeDeclareAsync(Dead, ExchangeType.Fanout, durable: true, autoDelete: false, cancellationToken: cancellationToken)
            .ConfigureAwait(false);
        await DeclareAsync(channel, Dead, [], cancellationToken).ConfigureAwait(false);
        await channel.QueueBindAsync(Dead, Dead, "", cancellationToken: cancellationToken).ConfigureAwait(false);
        if (queue != Dead)
        {
            Dictionary<string, object?> arguments = new()
            {
                ["x-dead-letter-exchange"] = Dead,
                // The broker's default may lose a message on its way to the dead; this one asks for the overflow below.
                ["x-dead-letter-strategy"] = "at-least-once",
                [Overflow] = "reject-publish",
            };
            await DeclareAsync(channel, queue, arguments, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Declares the exchange of hints. It holds nothing, so it need not outlive the broker.</summary>
    public static Task DeclareHintsAsync(IChannel channel, CancellationToken cancellationToken) =>
        channel.ExchangeDeclareAsync(Hints, ExchangeType.Fanout, durable: false, autoDelete: false, cancellationToken: cancellationToken);

    /// <summary>Declares this process's own queue of hints, which goes with the connection.</summary>
    /// <returns>The name that the broker gave it.</returns>
    public static async Task<string> DeclareHintQueueAsync(IChannel channel, CancellationToken cancellationToken)
    {
        await DeclareHintsAsync(channel, cancellationToken).ConfigureAwait(false);
        QueueDeclareOk queue = await channel.QueueDeclareAsync(
            "", durable: false, exclusive: true, autoDelete: true, cancellationToken: cancellationToken).ConfigureAwait(false);
        await channel.QueueBindAsync(queue.QueueName, Hints, "", cancellationToken: cancellationToken).ConfigureAwait(false);
        return queue.QueueName;
    }

    private static Task<QueueDeclareOk> DeclareAsync(
        IChannel channel, string queue, Dictionary<string, object?> arguments, CancellationToken cancellationToken)
    {
        arguments[Type] = "quorum";
        arguments[Limit] = DeliveryLimit;
        return channel.QueueDeclareAsync(
            queue, durable: true, exclusive: false, autoDelete: false, arguments, cancellationToken: cancellationToken);
    }
}
