using Brownian.Jobs.Broadcasts;
using Microsoft.Extensions.Logging.Abstractions;

namespace Brownian.Jobs.RabbitMq.Tests.Broadcasts;

/// <summary>Waits for broadcasts.</summary>
internal static class Heard
{
    /// <summary>Waits until a process hears what others tell.</summary>
    public static async Task BecomesHeardAsync(this IBroadcasts broadcasts, RabbitMqServer server, CancellationToken cancellationToken)
    {
        await using var other = new MassTransitBroadcasts(server.Uri, "other", NullLogger<MassTransitBroadcasts>.Instance);
        await other.StartAsync(cancellationToken);
        var mark = new WorkerCommand(Guid.NewGuid().ToString("N"), WorkerAction.Resume);
        int heard = 0;
        using IDisposable listening = broadcasts.OnCommand(command => Interlocked.Add(ref heard, command == mark ? 1 : 0));
        await Some.BecomesAsync(
            async () =>
            {
                await other.PublishAsync(mark, cancellationToken);
                return Volatile.Read(ref heard) > 0;
            },
            cancellationToken);
    }
}
