using Brownian.Jobs.Queues;
using Microsoft.Extensions.Logging.Abstractions;

namespace Brownian.Jobs.RabbitMq.Tests.Queues;

/// <summary>Queues of a broker that is away, comes back, or takes nothing.</summary>
public sealed class RabbitMqOutageTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_confirmed_is_there_after_the_broker_was_killed_and_who_waits_goes_on()
    {
        await using RabbitMqServer server = await RabbitMqServer.StartAsync(Cancelled);
        await using RabbitMqQueues gateway = Some.Process(server);
        // It looks by itself almost never: what it hears of after the outage, it hears of because it listens again.
        await using RabbitMqQueues worker = Some.Process(server, Some.Ever);
        StageQueue queue = Some.Queue();
        StageQueue other = Some.Queue();
        await gateway.SendAsync(queue, Some.Message("kept"), Cancelled);
        await gateway.SendAsync(other, Some.Message("in hand"), Cancelled);
        IStageDelivery stale = await worker.TakeAsync([other], Cancelled);
        Task<string> waiting = worker.TakeAsync(Some.Queue(), Cancelled);
        await server.WaitUntilKeptAsync(queue.Name, Cancelled);
        await server.WaitUntilKeptAsync(other.Name, Cancelled);
        await server.WaitUntilKeptAsync(RabbitMqTopology.Dead, Cancelled);
        server.Kill();
        await Some.BecomesAsync(() => Task.FromResult(!gateway.IsConnected && !worker.IsConnected), Cancelled);
        PlatformUnavailableException fault = await Assert.ThrowsAsync<PlatformUnavailableException>(
            () => gateway.SendAsync(queue, Some.Message(), Cancelled).WaitAsync(Eventually.Deadline, Cancelled));
        Assert.DoesNotContain("guest", fault.ToString(), StringComparison.Ordinal);
        await Assert.ThrowsAsync<PlatformUnavailableException>(() => gateway.ReadyAsync(queue.Name, Cancelled));
        Task<string> taking = worker.TakeAsync(queue, Cancelled);
        await server.StartAgainAsync();
        Assert.Equal("kept", await taking);
        Assert.False(waiting.IsCompleted);
        // It was not acknowledged, and cannot be any more: it comes again.
        await stale.AcknowledgeAsync();
        // The broker returns it to the queue when it finds its consumer gone, without a notice.
        await Some.BecomesAsync(() => IsReadyAsync(gateway, other), Cancelled);
        Assert.Equal("in hand", await worker.TakeAsync(other, Cancelled));
        Task<string> after = worker.TakeAsync(queue, Cancelled);
        await gateway.SendAsync(queue, Some.Message("after"), Cancelled);
        Assert.Equal("after", await after);
        Assert.True(gateway.IsConnected);
    }

    [Fact]
    public async Task Everything_starts_before_the_broker()
    {
        await using RabbitMqServer server = await RabbitMqServer.StartAsync(Cancelled);
        await server.StopAsync();
        await using RabbitMqQueues process = Some.Process(server);
        StageQueue queue = Some.Queue();
        Task<string> taking = process.TakeAsync(queue, Cancelled);
        Assert.False(process.IsConnected);
        await Assert.ThrowsAsync<PlatformUnavailableException>(() => process.SendAsync(queue, Some.Message(), Cancelled));
        using (var gaveUp = new CancellationTokenSource(TimeSpan.FromMilliseconds(50)))
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => process.SendAsync(queue, Some.Message(), gaveUp.Token));
        }
        await server.StartAgainAsync();
        await Some.BecomesAsync(() => Task.FromResult(process.IsConnected), Cancelled);
        await process.SendAsync(queue, Some.Message(), Cancelled);
        Assert.Equal("job", await taking);
    }

    [Fact]
    public async Task A_broker_short_of_memory_is_told_of_in_time()
    {
        await using RabbitMqServer server = await RabbitMqServer.StartAsync("vm_memory_high_watermark.absolute = 1MB", Cancelled);
        await using RabbitMqQueues process = Some.Process(server);
        StageQueue queue = Some.Queue();
        for (int i = 0; i < 3; i++)
        {
            await Assert.ThrowsAsync<PlatformUnavailableException>(
                () => process.SendAsync(queue, Some.Message(), Cancelled).WaitAsync(Eventually.Deadline, Cancelled));
        }
        Assert.False(process.IsConnected);
        // Consumers, which empty the queues, go on.
        Assert.Equal(0, await process.ReadyAsync(queue.Name, Cancelled));
    }

    [Fact]
    public async Task A_refused_password_is_in_no_message()
    {
        await using RabbitMqServer server = await RabbitMqServer.StartAsync(Cancelled);
        var uri = new UriBuilder(server.Uri) { Password = "open-sesame" };
        await using var process = new RabbitMqQueues(uri.Uri, "tests", NullLogger<RabbitMqQueues>.Instance);
        PlatformUnavailableException fault =
            await Assert.ThrowsAsync<PlatformUnavailableException>(() => process.SendAsync(Some.Queue(), Some.Message(), Cancelled));
        Assert.DoesNotContain("sesame", fault.ToString(), StringComparison.Ordinal);
    }

    private static async Task<bool> IsReadyAsync(RabbitMqQueues queues, StageQueue queue)
    {
        try
        {
            return await queues.ReadyAsync(queue.Name, Cancelled) > 0;
        }
        catch (PlatformUnavailableException)
        {
            // The queue itself is not back yet.
            return false;
        }
    }
}
