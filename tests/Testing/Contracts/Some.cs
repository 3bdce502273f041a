using Brownian.Jobs.Queues;
using Brownian.Jobs.RabbitMq;
using Brownian.Testing.Servers;
using Microsoft.Extensions.Logging.Abstractions;
using RabbitMQ.Client;

namespace Brownian.Testing.Contracts;

/// <summary>Queues, messages and waits of tests.</summary>
internal static class Some
{
    /// <summary>Longer than anything takes here: what comes earlier came by itself.</summary>
    public static readonly TimeSpan Ever = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>A queue that no other test has.</summary>
    public static StageQueue Queue(JobPriority priority = JobPriority.Standard) => new("denoise", Guid.NewGuid().ToString("N"), priority);

    public static StageMessage Message(string job = "job") => new() { Job = job, Stage = "denoise", Attempt = 3, TraceParent = "00-1-2-01" };

    public static RabbitMqQueues Process(RabbitMqServer server, TimeSpan? lookAgain = null) =>
        new(server.Uri, "tests", NullLogger<RabbitMqQueues>.Instance, lookAgain: lookAgain);

    /// <summary>A connection that is not the platform's.</summary>
    public static Task<IConnection> StrangerAsync(RabbitMqServer server, CancellationToken cancellationToken) =>
        new ConnectionFactory { Uri = server.Uri, AutomaticRecoveryEnabled = false }.CreateConnectionAsync(cancellationToken);

    /// <summary>Takes a message and says that it has it.</summary>
    public static async Task<string> TakeAsync(this IStageQueues queues, StageQueue queue, CancellationToken cancellationToken)
    {
        IStageDelivery delivery = await queues.TakeAsync([queue], cancellationToken).WaitAsync(Deadline, cancellationToken);
        await delivery.AcknowledgeAsync();
        return delivery.Message.Job;
    }

    /// <summary>Waits for what no event tells.</summary>
    public static async Task BecomesAsync(Func<Task<bool>> so, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Deadline);
        using var timer = new PeriodicTimer(Pause);
        while (!await so())
        {
            await timer.WaitForNextTickAsync(deadline.Token);
        }
    }
}
