using Brownian.Hosting;
using Brownian.Jobs.Catalog;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Brownian.Workers.Tests;

/// <summary>A gateway may call a worker as soon as the catalogue lists it as ready.</summary>
public sealed class AnnouncementTests : IDisposable
{
    private readonly Stubs _stubs = new();

    [Fact]
    public async Task A_worker_announces_that_it_is_ready_only_when_its_process_listens()
    {
        var catalog = new ScriptedCatalog();
        // The web server starts after every other service: this one delays it until the worker has nothing left to do but announce that it is ready.
        await using Node node =
            await StartAsync(catalog, services => services.AddSingleton<IHostedService>(new HeldStart(catalog.AnnouncedAfterDescription)));

        WorkerCard[] ready = [.. catalog.Announced.Where(worker => worker.State == WorkerState.Ready)];

        Assert.NotEmpty(ready);
        Assert.All(ready, worker => Assert.Equal(node.GrpcAddress, worker.Address));
    }

    [Fact]
    public async Task An_announcement_that_was_lost_is_sent_again()
    {
        var catalog = new ScriptedCatalog(lost: 2);
        await using Node node = await StartAsync(catalog, static _ => { });

        // The node waited until it was announced.
        WorkerCard announced = Assert.Single(await catalog.WorkersAsync(TestContext.Current.CancellationToken));
        Assert.Equal(WorkerState.Ready, announced.State);
    }

    public void Dispose() => _stubs.Dispose();

    private Task<Node> StartAsync(ScriptedCatalog catalog, Action<IServiceCollection> add)
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
