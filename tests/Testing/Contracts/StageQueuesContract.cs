using Brownian.Jobs.Queues;

namespace Brownian.Testing.Contracts;

/// <summary>The behaviour of every kind of queues.</summary>
public abstract class StageQueuesContract
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    protected abstract Task<IStageQueues> CreateAsync();

    [Fact]
    public async Task A_message_is_received_unchanged()
    {
        IStageQueues queues = await CreateAsync();
        StageQueue queue = TestQueues.Queue();
        await queues.SendAsync(queue, TestQueues.Message(), Cancelled);
        IStageDelivery delivery = await queues.TakeAsync([queue], Cancelled);
        Assert.Equal(TestQueues.Message(), delivery.Message);
        await delivery.AcknowledgeAsync();
        await delivery.AcknowledgeAsync();
    }

    [Fact]
    public async Task Messages_are_taken_from_queues_in_the_given_order()
    {
        IStageQueues queues = await CreateAsync();
        StageQueue first = TestQueues.Queue(JobPriority.Interactive);
        StageQueue second = TestQueues.Queue(JobPriority.Batch);
        await queues.SendAsync(second, TestQueues.Message("second"), Cancelled);
        await queues.SendAsync(first, TestQueues.Message("first"), Cancelled);
        foreach (string expected in new[] { "first", "second" })
        {
            IStageDelivery delivery = await queues.TakeAsync([first, second], Cancelled);
            Assert.Equal(expected, delivery.Message.Job);
            await delivery.AcknowledgeAsync();
        }
    }

    [Fact]
    public async Task Messages_of_a_queue_are_received_in_the_order_sent()
    {
        IStageQueues queues = await CreateAsync();
        StageQueue queue = TestQueues.Queue();
        string[] jobs = [.. Enumerable.Range(0, 20).Select(job => $"job-{job}")];
        foreach (string job in jobs)
        {
            await queues.SendAsync(queue, TestQueues.Message(job), Cancelled);
        }
        foreach (string job in jobs)
        {
            Assert.Equal(job, await queues.TakeAsync(queue, Cancelled));
        }
    }

    [Fact]
    public async Task A_waiting_taker_receives_a_message_that_is_sent_later()
    {
        IStageQueues queues = await CreateAsync();
        StageQueue queue = TestQueues.Queue();
        Task<IStageDelivery> taking = queues.TakeAsync([TestQueues.Queue(), queue], Cancelled);
        Assert.False(taking.IsCompleted);
        await queues.SendAsync(queue, TestQueues.Message("later"), Cancelled);
        IStageDelivery delivery = await taking;
        Assert.Equal("later", delivery.Message.Job);
        await delivery.AcknowledgeAsync();
    }

    [Fact]
    public async Task Each_message_goes_to_exactly_one_taker()
    {
        IStageQueues queues = await CreateAsync();
        StageQueue queue = TestQueues.Queue();
        const int Count = 40;
        Task<string>[] takers = [.. Enumerable.Range(0, Count).Select(_ => queues.TakeAsync(queue, Cancelled))];
        await Task.WhenAll(Enumerable.Range(0, Count).Select(job => queues.SendAsync(queue, TestQueues.Message($"job-{job}"), Cancelled)));
        string[] taken = await Task.WhenAll(takers);
        Assert.Equal(Enumerable.Range(0, Count).Select(job => $"job-{job}").Order(), taken.Order());
        Assert.Equal(0, await queues.ReadyAsync(queue.Name, Cancelled));
    }

    [Fact]
    public async Task A_taker_that_is_cancelled_loses_no_message()
    {
        IStageQueues queues = await CreateAsync();
        StageQueue queue = TestQueues.Queue();
        List<string> taken = [];
        const int Count = 20;
        for (int i = 0; i < Count; i++)
        {
            using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
            Task<IStageDelivery> taking = queues.TakeAsync([queue], cancellation.Token);
            Task sending = queues.SendAsync(queue, TestQueues.Message($"job-{i}"), Cancelled);
            // Some are cancelled before the message arrives, some while it arrives, some after it.
            cancellation.CancelAfter(TimeSpan.FromMilliseconds(i));
            try
            {
                IStageDelivery delivery = await taking;
                await delivery.AcknowledgeAsync();
                taken.Add(delivery.Message.Job);
            }
            catch (OperationCanceledException)
            {
                Assert.True(cancellation.IsCancellationRequested);
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
    public async Task A_taker_that_is_cancelled_before_it_starts_takes_no_message()
    {
        IStageQueues queues = await CreateAsync();
        StageQueue queue = TestQueues.Queue();
        await queues.SendAsync(queue, TestQueues.Message(), Cancelled);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => queues.TakeAsync([queue], new CancellationToken(canceled: true)));
        Assert.Equal("job", await queues.TakeAsync(queue, Cancelled));
    }

    [Fact]
    public async Task Waiting_messages_are_counted()
    {
        IStageQueues queues = await CreateAsync();
        StageQueue queue = TestQueues.Queue();
        Assert.Equal(0, await queues.ReadyAsync(queue.Name, Cancelled));
        await queues.SendAsync(queue, TestQueues.Message(), Cancelled);
        await queues.SendAsync(queue, TestQueues.Message(), Cancelled);
        Assert.Equal(2, await queues.ReadyAsync(queue.Name, Cancelled));
        await queues.TakeAsync(queue, Cancelled);
        Assert.Equal(1, await queues.ReadyAsync(queue.Name, Cancelled));
        Assert.True(queues.IsConnected);
    }
}
