using Brownian.Jobs.Queues;

namespace Brownian.Testing.Contracts;

/// <summary>What every kind of queues does.</summary>
public abstract class StageQueuesContract
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    protected abstract Task<IStageQueues> CreateAsync();

    [Fact]
    public async Task A_message_comes_as_it_was_sent()
    {
        IStageQueues queues = await CreateAsync();
        StageQueue queue = Some.Queue();
        await queues.SendAsync(queue, Some.Message(), Cancelled);
        IStageDelivery delivery = await queues.TakeAsync([queue], Cancelled);
        Assert.Equal(Some.Message(), delivery.Message);
        await delivery.AcknowledgeAsync();
        await delivery.AcknowledgeAsync();
    }

    [Fact]
    public async Task Queues_are_looked_at_in_the_order_given()
    {
        IStageQueues queues = await CreateAsync();
        StageQueue first = Some.Queue(JobPriority.Interactive);
        StageQueue second = Some.Queue(JobPriority.Batch);
        await queues.SendAsync(second, Some.Message("second"), Cancelled);
        await queues.SendAsync(first, Some.Message("first"), Cancelled);
        foreach (string expected in new[] { "first", "second" })
        {
            IStageDelivery delivery = await queues.TakeAsync([first, second], Cancelled);
            Assert.Equal(expected, delivery.Message.Job);
            await delivery.AcknowledgeAsync();
        }
    }

    [Fact]
    public async Task What_was_sent_first_comes_first()
    {
        IStageQueues queues = await CreateAsync();
        StageQueue queue = Some.Queue();
        string[] jobs = [.. Enumerable.Range(0, 20).Select(job => $"job-{job}")];
        foreach (string job in jobs)
        {
            await queues.SendAsync(queue, Some.Message(job), Cancelled);
        }
        foreach (string job in jobs)
        {
            Assert.Equal(job, await queues.TakeAsync(queue, Cancelled));
        }
    }

    [Fact]
    public async Task A_taker_who_waits_gets_what_is_sent_later()
    {
        IStageQueues queues = await CreateAsync();
        StageQueue queue = Some.Queue();
        Task<IStageDelivery> taking = queues.TakeAsync([Some.Queue(), queue], Cancelled);
        Assert.False(taking.IsCompleted);
        await queues.SendAsync(queue, Some.Message("later"), Cancelled);
        IStageDelivery delivery = await taking;
        Assert.Equal("later", delivery.Message.Job);
        await delivery.AcknowledgeAsync();
    }

    [Fact]
    public async Task A_message_goes_to_one_taker()
    {
        IStageQueues queues = await CreateAsync();
        StageQueue queue = Some.Queue();
        const int Count = 40;
        Task<string>[] takers = [.. Enumerable.Range(0, Count).Select(_ => queues.TakeAsync(queue, Cancelled))];
        await Task.WhenAll(Enumerable.Range(0, Count).Select(job => queues.SendAsync(queue, Some.Message($"job-{job}"), Cancelled)));
        string[] taken = await Task.WhenAll(takers);
        Assert.Equal(Enumerable.Range(0, Count).Select(job => $"job-{job}").Order(), taken.Order());
        Assert.Equal(0, await queues.ReadyAsync(queue.Name, Cancelled));
    }

    [Fact]
    public async Task A_taker_who_gives_up_takes_no_message_with_him()
    {
        IStageQueues queues = await CreateAsync();
        StageQueue queue = Some.Queue();
        List<string> taken = [];
        const int Count = 20;
        for (int i = 0; i < Count; i++)
        {
            using var gaveUp = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
            Task<IStageDelivery> taking = queues.TakeAsync([queue], gaveUp.Token);
            Task sending = queues.SendAsync(queue, Some.Message($"job-{i}"), Cancelled);
            // Some give up before the message is there, some while it comes, some when they have it.
            gaveUp.CancelAfter(TimeSpan.FromMilliseconds(i));
            try
            {
                IStageDelivery delivery = await taking;
                await delivery.AcknowledgeAsync();
                taken.Add(delivery.Message.Job);
            }
            catch (OperationCanceledException)
            {
                Assert.True(gaveUp.IsCancellationRequested);
            }
            await sending;
        }
        while (taken.Count < Count)
        {
            taken.Add(await queues.TakeAsync(queue, Cancelled));
        }
        Assert.Equal(Count, taken.Distinct().Count());
        Assert.Equal(0, await queues.ReadyAsync(queue.Name, Cancelled));
    }

    [Fact]
    public async Task A_taker_who_does_not_want_to_take_takes_nothing()
    {
        IStageQueues queues = await CreateAsync();
        StageQueue queue = Some.Queue();
        await queues.SendAsync(queue, Some.Message(), Cancelled);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => queues.TakeAsync([queue], new CancellationToken(canceled: true)));
        Assert.Equal("job", await queues.TakeAsync(queue, Cancelled));
    }

    [Fact]
    public async Task Messages_that_wait_are_counted()
    {
        IStageQueues queues = await CreateAsync();
        StageQueue queue = Some.Queue();
        Assert.Equal(0, await queues.ReadyAsync(queue.Name, Cancelled));
        await queues.SendAsync(queue, Some.Message(), Cancelled);
        await queues.SendAsync(queue, Some.Message(), Cancelled);
        Assert.Equal(2, await queues.ReadyAsync(queue.Name, Cancelled));
        await queues.TakeAsync(queue, Cancelled);
        Assert.Equal(1, await queues.ReadyAsync(queue.Name, Cancelled));
        Assert.True(queues.IsConnected);
    }
}
