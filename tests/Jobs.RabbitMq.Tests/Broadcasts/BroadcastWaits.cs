using Brownian.Jobs.Broadcasts;
using Microsoft.Extensions.Logging.Abstractions;

namespace Brownian.Jobs.RabbitMq.Tests.Broadcasts;

/// <summary>Waits until broadcasts are connected.</summary>
internal static class BroadcastWaits
{
    /// <summary>Waits until a process receives the broadcasts of others.</summary>
    public static async Task WaitUntilReceivedAsync(this IBroadcasts broadcasts, RabbitMqServer server, CancellationToken cancellationToken)
    {
        await using var other = new MassTransitBroadcasts(server.Uri, "other", NullLogger<MassTransitBroadcasts>.Instance);
        await other.StartAsync(cancellationToken);
        var mark = new WorkerCommand(Guid.NewGuid().ToString("N"), WorkerAction.Resume);
        int received = 0;
        using IDisposable listening = broadcasts.OnCommand(command => Interlocked.Add(ref received, command == mark ? 1 : 0));
        await TestQueues.BecomesAsync(
            async () =>
            {
                await other.PublishAsync(mark, cancellationToken);
                return Volatile.Read(ref received) > 0;
            },
            cancellationToken);
    }
}
