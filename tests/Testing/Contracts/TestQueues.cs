using Brownian.Jobs.Queues;
using Brownian.Jobs.RabbitMq;
using Brownian.Testing.Servers;
using Microsoft.Extensions.Logging.Abstractions;
using RabbitMQ.Client;

namespace Brownian.Testing.Contracts;

/// <summary>Queues, messages and waits for tests.</summary>
internal static class TestQueues
{
    /// <summary>Longer than any test takes: a wait that ends earlier was woken.</summary>
    public static readonly TimeSpan VeryLong = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>A queue that no other test uses.</summary>
    public static StageQueue Queue(JobPriority priority = JobPriority.Standard) => new("denoise", Guid.NewGuid().ToString("N"), priority);

    public static StageMessage Message(string job = "job") => new() { Job = job, Stage = "denoise", Attempt = 3, TraceParent = "00-1-2-01" };

    public static RabbitMqQueues Process(RabbitMqServer server, TimeSpan? pollInterval = null) =>
        new(server.Uri, "tests", NullLogger<RabbitMqQueues>.Instance, pollInterval: pollInterval);

    /// <summary>A connection to the broker without the platform's code.</summary>
    public static Task<IConnection> ConnectDirectlyAsync(RabbitMqServer server, CancellationToken cancellationToken) =>
        new ConnectionFactory { Uri = server.Uri, AutomaticRecoveryEnabled = false }.CreateConnectionAsync(cancellationToken);

    /// <summary>Takes a message and acknowledges it.</summary>
    public static async Task<string> TakeAsync(this IStageQueues queues, StageQueue queue, CancellationToken cancellationToken)
    {
        IStageDelivery delivery = await queues.TakeAsync([queue], cancellationToken).WaitAsync(Deadline, cancellationToken);
        await delivery.AcknowledgeAsync();
        return delivery.Message.Job;
    }

    /// <summary>Waits for a condition that no event announces.</summary>
    public static async Task BecomesAsync(Func<Task<bool>> isTrue, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Deadline);
        using var timer = new PeriodicTimer(Pause);
        while (!await isTrue())
        {
            await timer.WaitForNextTickAsync(deadline.Token);
        }
    }
}
