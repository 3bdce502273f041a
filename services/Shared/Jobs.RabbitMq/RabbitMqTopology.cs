using RabbitMQ.Client;

namespace Brownian.Jobs.RabbitMq;

/// <summary>
/// The broker's exchanges and queues, declared in one place: senders and receivers must declare the same, or the broker refuses the second
/// declaration. Every declaration can be repeated, so whatever an operator deletes is recreated.
/// </summary>
internal static class RabbitMqTopology
{
    /// <summary>The exchange, and the queue bound to it, of messages that no worker will process.</summary>
    public const string Dead = "brownian.v1.dead";

    /// <summary>The queue of dead messages that name no job, for an operator to inspect.</summary>
    public const string Parking = "brownian.v1.parking";

    /// <summary>The exchange of hints, which tell idle workers which queue has a message.</summary>
    public const string Hints = "brownian.v1.hints";

    /// <summary>The exchange of commands to workers.</summary>
    public const string Commands = "brownian.v1.commands";

    /// <summary>The queue to which MassTransit moves commands that it could not read.</summary>
    public const string CommandErrors = Commands + "_error";

    /// <summary>The queue to which MassTransit moves commands without a handler.</summary>
    public const string CommandsSkipped = Commands + "_skipped";

    /// <summary>
    /// The broker's delivery limit. The job store decides when a job fails because of its stage's deaths. The broker counts redeliveries, including
    /// those of healthy jobs, so its limit is high.
    /// </summary>
    private const int DeliveryLimit = 1000;

    private const int ParkedMessages = 1000;
    private const string Type = "x-queue-type";
    private const string Limit = "x-delivery-limit";
    private const string Overflow = "x-overflow";

    /// <summary>The queues of dead messages.</summary>
    public static IReadOnlyList<string> DeadQueues { get; } = [Dead, CommandErrors, CommandsSkipped];

    /// <summary>
    /// Declares one of the platform's queues. Stage queues need the exchange and queue of dead messages, <see cref="Dead"/>, declared before them.
    /// </summary>
    public static async Task DeclareAsync(IChannel channel, string queue, CancellationToken cancellationToken)
    {
        switch (queue)
        {
            case Parking:
                await DeclareAsync(
                    channel,
                    queue,
                    new() { ["x-max-length"] = ParkedMessages, [Overflow] = "drop-head" },
                    cancellationToken).ConfigureAwait(false);
                return;
            case Dead:
                await channel.ExchangeDeclareAsync(Dead, ExchangeType.Fanout, durable: true, autoDelete: false, cancellationToken: cancellationToken)
                    .ConfigureAwait(false);
                await DeclareAsync(channel, Dead, [], cancellationToken).ConfigureAwait(false);
                await channel.QueueBindAsync(Dead, Dead, "", cancellationToken: cancellationToken).ConfigureAwait(false);
                return;
            default:
                Dictionary<string, object?> arguments = new()
                {
                    ["x-dead-letter-exchange"] = Dead,
                    // The broker's default strategy may lose a message while dead-lettering it; this one requires the overflow setting below.
                    ["x-dead-letter-strategy"] = "at-least-once",
                    [Overflow] = "reject-publish",
                };
                await DeclareAsync(channel, queue, arguments, cancellationToken).ConfigureAwait(false);
                return;
        }
    }

    /// <summary>Declares the exchange of hints. It stores nothing, so it need not survive a restart of the broker.</summary>
    public static Task DeclareHintsAsync(IChannel channel, CancellationToken cancellationToken) =>
        channel.ExchangeDeclareAsync(Hints, ExchangeType.Fanout, durable: false, autoDelete: false, cancellationToken: cancellationToken);

    /// <summary>Declares this process's queue of hints, which is deleted with the connection.</summary>
    /// <returns>The name that the broker generated.</returns>
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
