using Brownian.Jobs.Queues;
using Microsoft.Extensions.Logging.Abstractions;

namespace Brownian.Jobs.RabbitMq.Tests.Queues;

/// <summary>Queues of a broker that is unavailable, comes back, or accepts no messages.</summary>
public sealed class RabbitMqOutageTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Confirmed_messages_survive_a_kill_of_the_broker_and_waiting_takers_resume()
    {
        await using RabbitMqServer server = await RabbitMqServer.StartAsync(Cancelled);
        await using RabbitMqQueues gateway = TestQueues.Process(server);
        // It practically never looks on its own: it finds messages after the outage only if it subscribed again.
        await using RabbitMqQueues worker = TestQueues.Process(server, TestQueues.VeryLong);
        StageQueue queue = TestQueues.Queue();
        StageQueue other = TestQueues.Queue();
        await gateway.SendAsync(queue, TestQueues.Message("kept"), Cancelled);
        await gateway.SendAsync(other, TestQueues.Message("in hand"), Cancelled);
        IStageDelivery stale = await worker.TakeAsync([other], Cancelled);
        Task<string> waiting = worker.TakeAsync(TestQueues.Queue(), Cancelled);
        await server.WaitUntilKeptAsync(queue.Name, Cancelled);
        await server.WaitUntilKeptAsync(other.Name, Cancelled);
        await server.WaitUntilKeptAsync(RabbitMqTopology.Dead, Cancelled);
        server.Kill();
        await TestQueues.BecomesAsync(() => Task.FromResult(!gateway.IsConnected && !worker.IsConnected), Cancelled);
        PlatformUnavailableException fault = await Assert.ThrowsAsync<PlatformUnavailableException>(
            () => gateway.SendAsync(queue, TestQueues.Message(), Cancelled).WaitAsync(Eventually.Deadline, Cancelled));
        Assert.DoesNotContain("guest", fault.ToString(), StringComparison.Ordinal);
        await Assert.ThrowsAsync<PlatformUnavailableException>(() => gateway.ReadyAsync(queue.Name, Cancelled));
        Task<string> taking = worker.TakeAsync(queue, Cancelled);
        await server.StartAgainAsync();
        Assert.Equal("kept", await taking);
        Assert.False(waiting.IsCompleted);
        // It was not acknowledged and no longer can be: it is delivered again.
        await stale.AcknowledgeAsync();
        // The broker returns it to the queue, without a notice, when it finds that the consumer has ended.
        await TestQueues.BecomesAsync(() => IsReadyAsync(gateway, other), Cancelled);
        Assert.Equal("in hand", await worker.TakeAsync(other, Cancelled));
        Task<string> after = worker.TakeAsync(queue, Cancelled);
        await gateway.SendAsync(queue, TestQueues.Message("after"), Cancelled);
        Assert.Equal("after", await after);
        Assert.True(gateway.IsConnected);
    }

    [Fact]
    public async Task Queues_can_be_used_before_the_broker_starts()
    {
        await using RabbitMqServer server = await RabbitMqServer.StartAsync(Cancelled);
        await server.StopAsync();
        await using RabbitMqQueues process = TestQueues.Process(server);
        StageQueue queue = TestQueues.Queue();
        Task<string> taking = process.TakeAsync(queue, Cancelled);
        Assert.False(process.IsConnected);
        await Assert.ThrowsAsync<PlatformUnavailableException>(() => process.SendAsync(queue, TestQueues.Message(), Cancelled));
        using (var cancelled = new CancellationTokenSource(TimeSpan.FromMilliseconds(50)))
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => process.SendAsync(queue, TestQueues.Message(), cancelled.Token));
        }
        await server.StartAgainAsync();
        await TestQueues.BecomesAsync(() => Task.FromResult(process.IsConnected), Cancelled);
        await process.SendAsync(queue, TestQueues.Message(), Cancelled);
        Assert.Equal("job", await taking);
    }

    [Fact]
    public async Task A_send_to_a_broker_short_of_memory_fails_within_the_time_limit()
    {
        await using RabbitMqServer server = await RabbitMqServer.StartAsync("vm_memory_high_watermark.absolute = 1MB", Cancelled);
        await using RabbitMqQueues process = TestQueues.Process(server);
        StageQueue queue = TestQueues.Queue();
        for (int i = 0; i < 3; i++)
        {
            await Assert.ThrowsAsync<PlatformUnavailableException>(
                () => process.SendAsync(queue, TestQueues.Message(), Cancelled).WaitAsync(Eventually.Deadline, Cancelled));
        }
        Assert.False(process.IsConnected);
        // Consumers, which empty the queues, still work.
        Assert.Equal(0, await process.ReadyAsync(queue.Name, Cancelled));
    }

    [Fact]
    public async Task A_refused_password_is_not_in_the_error()
    {
        await using RabbitMqServer server = await RabbitMqServer.StartAsync(Cancelled);
        var uri = new UriBuilder(server.Uri) { Password = "open-sesame" };
        await using var process = new RabbitMqQueues(uri.Uri, "tests", NullLogger<RabbitMqQueues>.Instance);
        PlatformUnavailableException fault =
            await Assert.ThrowsAsync<PlatformUnavailableException>(() => process.SendAsync(TestQueues.Queue(), TestQueues.Message(), Cancelled));
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
