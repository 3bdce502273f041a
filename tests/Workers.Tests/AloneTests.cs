using Brownian.Hosting;
using Brownian.Jobs.Records;
using Brownian.V1;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Brownian.Workers.Tests;

/// <summary>Stages that have killed workers run alone, on workers of several slots too.</summary>
public sealed class AloneTests : IDisposable
{
    private readonly Stubs _stubs = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Stages_that_must_run_alone_run_in_turn_without_losing_their_leases()
    {
        string model = _stubs.Add(turns: 20_000);
        await using Node node = await Node.StartAsync(
            platform =>
            {
                Node.Everything(platform);
                // Makes every stage count as one that has killed workers.
                platform.Services.Replace(ServiceDescriptor.Singleton(new JobPolicy { AloneAfterDeaths = 0, LeaseTime = TimeSpan.FromSeconds(1) }));
            },
            ServiceRole.Gateway,
            [.. _stubs.Settings(model), "Ephemeral=true", "Slots=3"]);

        Job[] jobs = await Task.WhenAll(
            Enumerable.Range(0, 6).Select(
                seed => node.Client.Generation.SubmitAsync(Stubs.Request(model, (ulong)seed, steps: 30), cancellationToken: Stop).ResponseAsync));

        foreach (Job job in jobs)
        {
            using AsyncServerStreamingCall<JobEvent> call = node.Client.Generation.Watch(
                new WatchJobRequest { Id = job.Id }, deadline: DateTime.UtcNow + Eventually.Deadline, cancellationToken: Stop);
            var events = new List<JobEvent>();
            while (await call.ResponseStream.MoveNext(Stop))
            {
                events.Add(call.ResponseStream.Current);
            }
            Assert.NotNull(events[^1].Done);
            // Leases were renewed while stages waited for their turn.
            Assert.DoesNotContain(events, item => item.StageReturned is not null);
        }
    }

    public void Dispose() => _stubs.Dispose();
}
