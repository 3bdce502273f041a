using Brownian.Client;
using Brownian.Platform.Tests.Kills;
using Brownian.Testing.Events;
using Brownian.Testing.Processes;
using Brownian.V1;

namespace Brownian.Platform.Tests.Events;

/// <summary>A service is killed between the step of a job and its event, or between the event and its removal from the outbox.</summary>
public sealed class EventKillTests(KillCluster cluster) : IClassFixture<KillCluster>
{
    [Theory]
    [InlineData("gateway", "after accept", 1)]
    [InlineData("gateway", "before event", 1)]
    [InlineData("gateway", "after event", 2)]
    [InlineData("text-encoder", "after take", 1)]
    [InlineData("text-encoder", "before event", 1)]
    [InlineData("text-encoder", "after event", 2)]
    [InlineData("vae-decoder", "after terminal write", 1)]
    [InlineData("vae-decoder", "before event", 1)]
    [InlineData("vae-decoder", "after event", 2)]
    public async Task Events_of_a_killed_service_are_published_by_the_reconciler_and_repetitions_are_equal(string role, string place, int least)
    {
        if (cluster.Processes.Count == 0)
        {
            await cluster.StartAsync("gateway", "text-encoder", "denoiser", "vae-decoder");
        }
        await using EventQueue queue = await EventQueue.BindAsync(cluster.RabbitMq, $"{cluster.Model}.*");
        await using ServiceProcess faulty = await cluster.StartAsync(role, place + ":1");
        ServiceProcess healthy = cluster.Find(role);
        // The faulty process must take the step itself: a text encoder that is faster than the gateway's confirmation accepts the job too.
        ServiceProcess stopped = role == "gateway" ? cluster.Find("text-encoder") : healthy;
        stopped.Kill();
        using BrownianClient client = role == "gateway"
            ? new BrownianClient([faulty.Address, healthy.Address], KillCluster.ClientOptions)
            : cluster.CreateClient();

        Task<List<JobEvent>> generating = KillCluster.GenerateAsync(client, Stubs.Request(cluster.Model, 31));
        await faulty.Ended.WaitAsync(Eventually.Deadline, TestContext.Current.CancellationToken);
        await stopped.StartAgainAsync();
        string id = (await generating)[0].JobId;

        string kind = role switch { "gateway" => "accepted", "text-encoder" => "started", _ => "ended" };
        List<PublishedEvent> events = [.. await queue.UntilAsync($"{id}.accepted", $"{id}.started", $"{id}.ended")];
        while (events.Count(item => item.Id == $"{id}.{kind}") < least)
        {
            events.Add(await queue.NextAsync());
        }
        foreach (IGrouping<string, PublishedEvent> repetitions in events.GroupBy(item => item.Id))
        {
            Assert.Single(repetitions.Select(item => (item.Exchange, item.Key, item.Body, item.Properties.MessageId)).Distinct());
        }
    }
}
