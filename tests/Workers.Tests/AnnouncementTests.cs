using Brownian.Hosting;
using Brownian.Jobs.Catalog;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Brownian.Workers.Tests;

/// <summary>A gateway that reads in the catalogue that a worker is ready may call it at once.</summary>
public sealed class AnnouncementTests : IDisposable
{
    private readonly Stubs _stubs = new();

    [Fact]
    public async Task A_worker_says_that_it_is_ready_when_its_process_listens()
    {
        var catalog = new ToldCatalog();
        // The web server starts after every other service: this one holds it back until the worker has nothing left to do but say that it is ready.
        await using Node node =
            await StartAsync(catalog, services => services.AddSingleton<IHostedService>(new HeldStart(catalog.ToldAfterDescription)));

        WorkerCard[] ready = [.. catalog.Told.Where(worker => worker.State == WorkerState.Ready)];

        Assert.NotEmpty(ready);
        Assert.All(ready, worker => Assert.Equal(node.GrpcAddress, worker.Address));
    }

    [Fact]
    public async Task A_word_that_was_lost_is_not_taken_for_said()
    {
        var catalog = new ToldCatalog(lost: 2);
        await using Node node = await StartAsync(catalog, static _ => { });

        // The node waited for the word.
        WorkerCard told = Assert.Single(await catalog.WorkersAsync(TestContext.Current.CancellationToken));
        Assert.Equal(WorkerState.Ready, told.State);
    }

    public void Dispose() => _stubs.Dispose();

    private Task<Node> StartAsync(ToldCatalog catalog, Action<IServiceCollection> add)
    {
        string model = _stubs.Add();
        return Node.StartAsync(
            platform =>
            {
                platform.AddWorker(new WorkerRole("everything", ["text-encode", "denoise", "vae-decode"]));
                platform.Services.Replace(ServiceDescriptor.Singleton<ICatalog>(catalog));
                platform.Services.Replace(ServiceDescriptor.Singleton(services => new WorkerSettings
                {
                    Address = () => services.GetRequiredService<ListeningAddresses>().Grpc,
                    HeartbeatEvery = TimeSpan.FromMilliseconds(20),
                }));
                add(platform.Services);
            },
            ServiceRole.Denoiser,
            [.. _stubs.Settings(model), "Ephemeral=true"]);
    }

    private sealed class HeldStart(Task until) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => until.WaitAsync(Eventually.Deadline, cancellationToken);

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
