using System.Diagnostics;
using System.Threading.Channels;
using Brownian.Jobs.Queues;
using Brownian.Jobs.RabbitMq;
using Microsoft.Extensions.Logging.Abstractions;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Brownian.Benchmarks;

/// <summary>
/// Stages by <c>basic.get</c> and hints beside stages by consumers with a prefetch count, on the same broker in turn: how long a message waits for an
/// idle worker, how fast a full queue is emptied, and how many messages a busy worker holds that a free one cannot take.
/// </summary>
internal static class QueueBenchmark
{
    private const int Pairs = 300, Messages = 2000, Queues = 9;

    /// <summary>Measures the queues and writes the results to standard output.</summary>
    /// <param name="uri">A broker without other users.</param>
    public static async Task RunAsync(string uri)
    {
        await using IConnection connection = await new ConnectionFactory { Uri = new Uri(uri) }.CreateConnectionAsync();
        await using IChannel channel = await connection.CreateChannelAsync(
            new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        var arguments = new Dictionary<string, object?> { ["x-queue-type"] = "quorum" };
        await channel.QueueDeclareAsync("pushed", durable: true, exclusive: false, autoDelete: false, arguments);

        var queue = new StageQueue("denoise", "model", JobPriority.Standard);
        await using var sender = new RabbitMqQueues(new Uri(uri), "sender", NullLogger<RabbitMqQueues>.Instance, TimeSpan.FromSeconds(10));
        await using var taker = new RabbitMqQueues(new Uri(uri), "taker", NullLogger<RabbitMqQueues>.Instance, TimeSpan.FromSeconds(10));
        await WaitsAsync(channel, sender, taker, queue);
        await RatesAsync(channel, sender, taker, queue);
        await HeldAsync(connection, channel, arguments);
    }

    private static async Task WaitsAsync(IChannel channel, RabbitMqQueues sender, RabbitMqQueues taker, StageQueue queue)
    {
        var pushed = Channel.CreateUnbounded<long>();
        await channel.BasicQosAsync(0, 1, global: false);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, got) =>
        {
            pushed.Writer.TryWrite(Stopwatch.GetTimestamp());
            await channel.BasicAckAsync(got.DeliveryTag, multiple: false);
        };
        string tag = await channel.BasicConsumeAsync("pushed", autoAck: false, consumer);
        double[] get = new double[Pairs], push = new double[Pairs];
        for (int i = 0; i < Pairs; i++)
        {
            Task<IStageDelivery> taking = taker.TakeAsync([queue], CancellationToken.None);
            // Both takers are idle: their second look at an empty queue is over.
            await Task.Delay(5);
            long start = Stopwatch.GetTimestamp();
            await sender.SendAsync(queue, new StageMessage { Job = $"{i}", Stage = "denoise" }, CancellationToken.None);
            IStageDelivery delivery = await taking;
            get[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            await delivery.AcknowledgeAsync();
            start = Stopwatch.GetTimestamp();
            await channel.BasicPublishAsync("", "pushed", mandatory: true, Persistent, new byte[100]);
            push[i] = Stopwatch.GetElapsedTime(start, await pushed.Reader.ReadAsync()).TotalMilliseconds;
        }
        await channel.BasicCancelAsync(tag);
        Array.Sort(get);
        Array.Sort(push);
        Write(
            $"from sending to an idle worker's hand, medians of {Pairs}: basic.get and hint {Invariant(get[Pairs / 2])} "
                + $"ms, consumer {Invariant(push[Pairs / 2])} ms");
    }

    private static async Task RatesAsync(IChannel channel, RabbitMqQueues sender, RabbitMqQueues taker, StageQueue queue)
    {
        for (int i = 0; i < Messages; i++)
        {
            await sender.SendAsync(queue, new StageMessage { Job = $"{i}", Stage = "denoise" }, CancellationToken.None);
            await channel.BasicPublishAsync("", "pushed", mandatory: true, Persistent, new byte[100]);
        }
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < Messages; i++)
        {
            await (await taker.TakeAsync([queue], CancellationToken.None)).AcknowledgeAsync();
        }
        double get = Messages / Stopwatch.GetElapsedTime(start).TotalSeconds;
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int left = Messages;
        await channel.BasicQosAsync(0, 1, global: false);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, got) =>
        {
            await channel.BasicAckAsync(got.DeliveryTag, multiple: false);
            if (--left == 0)
            {
                done.SetResult();
            }
        };
        start = Stopwatch.GetTimestamp();
        string tag = await channel.BasicConsumeAsync("pushed", autoAck: false, consumer);
        await done.Task;
        double push = Messages / Stopwatch.GetElapsedTime(start).TotalSeconds;
        await channel.BasicCancelAsync(tag);
        Write(
            $"a full queue, one worker that does nothing: basic.get {Invariant(get)} messages a second, consumer with prefetch 1 {Invariant(push)}");
    }

    private static async Task HeldAsync(IConnection connection, IChannel channel, Dictionary<string, object?> arguments)
    {
        await using IChannel worker = await connection.CreateChannelAsync();
        await worker.BasicQosAsync(0, 1, global: false);
        var busy = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int received = 0;
        for (int i = 0; i < Queues; i++)
        {
            string name = $"class-{i}";
            await channel.QueueDeclareAsync(name, durable: true, exclusive: false, autoDelete: false, arguments);
            await channel.BasicPublishAsync("", name, mandatory: true, Persistent, new byte[100]);
            await channel.BasicPublishAsync("", name, mandatory: true, Persistent, new byte[100]);
            var consumer = new AsyncEventingBasicConsumer(worker);
            consumer.ReceivedAsync += (_, _) =>
            {
                // It has one slot: it works on the first message and holds the others.
                if (Interlocked.Increment(ref received) == Queues)
                {
                    busy.SetResult();
                }
                return Task.CompletedTask;
            };
            await worker.BasicConsumeAsync(name, autoAck: false, consumer);
        }
        await busy.Task;
        Write(
            $"a busy worker of one slot on {Queues} queues: basic.get holds 1 message, consumers with prefetch 1 hold "
                + $"{received}, of which a free worker can take none");
    }

    private static BasicProperties Persistent => new() { Persistent = true };

    private static string Invariant(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);

    private static void Write(string line) => Console.WriteLine(line);
}
