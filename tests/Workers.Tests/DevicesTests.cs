using Brownian.Hosting;
using Brownian.Inference.Engines;
using Brownian.Inference.Stages;
using Brownian.Requests.References;
using Brownian.V1;
using Brownian.Workers.Devices;
using CsCheck;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Brownian.Workers.Tests;

/// <summary>A process with several devices has a worker of each role for each of them.</summary>
public sealed class DevicesTests : IDisposable
{
    private const int Evaluations = 50;

    private readonly Stubs _stubs = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Two_devices_run_two_stages_at_once_and_one_continues_while_the_other_is_drained()
    {
        string model = _stubs.Add();
        CountingRunner denoise = new("denoise");
        await using Node node = await StartAsync(model, denoise);
        Worker[] denoisers = [.. (await WorkersAsync(node)).Where(worker => worker.Role == "denoiser")];
        Assert.Equal(["cpu", "cpu"], denoisers.Select(worker => worker.Device));
        Assert.Equal(6, (await WorkersAsync(node)).Count);

        string first = await SubmitAsync(node, model, 1), second = await SubmitAsync(node, model, 2);
        await denoise.StartsAsync();
        await denoise.StartsAsync();
        Assert.All(await WorkersAsync(node, "denoiser"), worker => Assert.Equal(1, worker.Slots));
        denoise.Let(2 * Evaluations);
        await DoneAsync(node, first);
        await DoneAsync(node, second);

        await node.Client.Workers.DrainAsync(new WorkerRequest { Id = denoisers[0].Id }, cancellationToken: Stop);
        denoise.Let(Evaluations);
        await DoneAsync(node, await SubmitAsync(node, model, 3));
        Assert.Equal(["draining", "ready"], (await WorkersAsync(node, "denoiser")).Select(worker => worker.State).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_direct_call_runs_beside_another_one_when_there_are_two_devices()
    {
        string model = _stubs.Add();
        CountingRunner denoise = new("denoise");
        await using Node node = await StartAsync(model, denoise);

        Task[] calls = [CallAsync(node, model, 1), CallAsync(node, model, 2)];
        await denoise.StartsAsync();
        await denoise.StartsAsync();
        denoise.Let(2 * Evaluations);

        await Task.WhenAll(calls);
    }

    [Fact]
    public void A_lease_is_of_the_device_with_the_fewest_leases() => Gen.Bool.Array[1, 60].Sample(
        takes =>
        {
            CountedEngines[] devices = [new(), new(), new()];
            var engines = new BalancedEngines(devices);
            var held = new List<EngineLease<IVaeDecoder>>();
            foreach (bool take in takes)
            {
                if (take || held.Count == 0)
                {
                    int least = devices.Min(device => device.Held);
                    CountedEngines expected = devices.First(device => device.Held == least);
                    int before = expected.Taken;
                    held.Add(engines.VaeDecoderAsync("stub", null, CancellationToken.None).GetAwaiter().GetResult());
                    Assert.Equal(before + 1, expected.Taken);
                }
                else
                {
                    held[^1].Dispose();
                    // Disposing a lease again has no effect.
                    held[^1].Dispose();
                    held.RemoveAt(held.Count - 1);
                }
                Assert.Equal(held.Count, devices.Sum(device => device.Held));
            }
        });

    [Fact]
    public async Task A_lease_that_failed_does_not_count()
    {
        CountedEngines[] devices = [new() { Fails = true }, new()];
        var engines = new BalancedEngines(devices);

        for (int i = 0; i < 3; i++)
        {
            // The first device is chosen each time, because it holds no lease.
            await Assert.ThrowsAsync<InvalidOperationException>(() => engines.VaeDecoderAsync("stub", null, Stop));
        }
        Assert.Equal((3, 0), (devices[0].Taken, devices[1].Taken));
    }

    public void Dispose() => _stubs.Dispose();

    private Task<Node> StartAsync(string model, CountingRunner denoise) => Node.StartAsync(
        platform =>
        {
            Node.Everything(platform);
            platform.Services.RemoveAll<StageRunnerFactory>();
            foreach (string kind in (string[])["text-encode", "vae-decode"])
            {
                var runner = new CountingRunner(kind);
                runner.Let(100 * Evaluations);
                platform.Services.AddSingleton(new StageRunnerFactory(_ => runner));
            }
            var write = new CountingRunner("write");
            write.Let(100 * Evaluations);
            platform.Services.AddSingleton(new StageRunnerFactory(_ => write));
            platform.Services.AddSingleton(new StageRunnerFactory(_ => denoise));
        },
        ServiceRole.Gateway,
        [.. _stubs.Settings(model), "Ephemeral=true", "Devices:0=cpu", "Devices:1=cpu"]);

    private static async Task<IReadOnlyList<Worker>> WorkersAsync(Node node, string? role = null) =>
        [
            .. (await node.Client.Workers.ListAsync(new ListWorkersRequest(), cancellationToken: Stop)).Workers
                .Where(worker => role is null || worker.Role == role)
        ];

    private static async Task<string> SubmitAsync(Node node, string model, ulong seed) =>
        (await node.Client.Generation.SubmitAsync(Stubs.Request(model, seed, steps: 1), cancellationToken: Stop)).Id;

    private static async Task CallAsync(Node node, string model, ulong seed)
    {
        GenerateRequest request = Stubs.Request(model, seed, steps: 1);
        request.Direct = true;
        using AsyncServerStreamingCall<JobEvent> call =
            node.Client.Generation.Generate(request, deadline: DateTime.UtcNow + Eventually.Deadline, cancellationToken: Stop);
        JobEvent? last = null;
        while (await call.ResponseStream.MoveNext(Stop))
        {
            last = call.ResponseStream.Current;
        }
        Assert.NotNull(last?.Done);
    }

    private static async Task DoneAsync(Node node, string id)
    {
        using AsyncServerStreamingCall<JobEvent> call = node.Client.Generation.Watch(
            new WatchJobRequest { Id = id }, deadline: DateTime.UtcNow + Eventually.Deadline, cancellationToken: Stop);
        JobEvent? last = null;
        while (await call.ResponseStream.MoveNext(Stop))
        {
            last = call.ResponseStream.Current;
        }
        Assert.NotNull(last?.Done);
    }

    /// <summary>Engines that count their leases of VAE decoders.</summary>
    private sealed class CountedEngines : IEngines
    {
        public bool Fails { get; init; }

        public int Taken { get; private set; }

        public int Held { get; private set; }

        public Task<EngineLease<IVaeDecoder>> VaeDecoderAsync(string model, string? fingerprint, CancellationToken cancellationToken)
        {
            Taken++;
            if (Fails)
            {
                throw new InvalidOperationException("no such device");
            }
            Held++;
            return Task.FromResult(new EngineLease<IVaeDecoder>(null!, () => Held--));
        }

        public Task<EngineLease<ITextEncoder>> TextEncoderAsync(
            string model, string? fingerprint, AdapterReferences? adapters, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<EngineLease<IDenoiser>> DenoiserAsync(
            string model, string? fingerprint, string? part, AdapterReferences? adapters, IReadOnlyCollection<ControlNetReference> controlNets,
            CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<EngineLease<IImageEncoder>> ImageEncoderAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<EngineLease<ITextProjection>> TextProjectionAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<EngineLease<IVaeDecoder>> PreviewDecoderAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<EngineLease<IVaeEncoder>> VaeEncoderAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<EngineLease<IImageUpscaler>> ImageUpscalerAsync(string model, string? fingerprint, CancellationToken cancellationToken) =>
            throw new NotSupportedException();
    }
}
