using Brownian.ExternalScaling;
using Brownian.Gateway.Load;
using Brownian.Gateway.Scaling;
using Brownian.Jobs;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Costs;
using Brownian.Jobs.InProcess;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;
using Brownian.Models.Facts;
using Brownian.Models.Folders;
using Brownian.Scaling.Tests.Simulation;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Time.Testing;

namespace Brownian.Scaling.Tests;

/// <summary>What the scaler keeps of pools, and what it does not.</summary>
public sealed class PoolScalerTests : IPendingWork
{
    private const string Name = "pool";

    private readonly FakeTimeProvider _time = new();
    private readonly MemoryCatalog _catalog = new();
    private readonly PoolScaler _scaler;
    private IReadOnlyList<PendingWork> _work = [];
    private bool _isUnavailable;
    private int _reads;

    public PoolScalerTests() => _scaler = new PoolScaler(new PlatformLoad(_catalog, this, _time), _time);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static ScaledPool Denoisers { get; } = new() { Role = WorkerRole.Denoiser, Models = ["sd15"], LoadSeconds = 400, CooldownSeconds = 300 };

    [Theory]
    [InlineData(400, 300, false, 100)]
    [InlineData(400, 0, false, 400)]
    [InlineData(30, 300, false, 0)]
    [InlineData(400, 300, true, 0)]
    public async Task The_last_replica_is_kept_as_long_as_its_load_time_exceeds_the_cooldown(double load, double cooldown, bool drains, int kept)
    {
        ScaledPool pool = Denoisers with { LoadSeconds = load, CooldownSeconds = cooldown, Drains = drains };
        _work = [Work("sd15")];
        Assert.True(await IsActiveAsync(pool));
        _work = [];
        for (int second = 0; second < 500; second += 10)
        {
            // The work that was there a moment ago counts from the moment at which it was last seen.
            Assert.Equal(second < kept, await IsActiveAsync(pool, after: 10));
        }
    }

    [Fact]
    public async Task The_time_of_day_may_be_set_back()
    {
        var clock = new SetBackClock();
        var scaler = new PoolScaler(new PlatformLoad(_catalog, this, clock), clock);
        _work = [Work("sd15")];
        Assert.True(await scaler.IsActiveAsync(Name, Denoisers, Stop));
        _work = [];
        clock.Seconds = 99;
        Assert.True(await scaler.IsActiveAsync(Name, Denoisers, Stop));
        clock.Seconds = 101;
        Assert.False(await scaler.IsActiveAsync(Name, Denoisers, Stop));
    }

    [Fact]
    public async Task The_load_time_is_that_of_workers_with_the_same_role_models_and_devices()
    {
        await PublishAsync("other model", "denoiser", "cpu", 5000, "sdxl");
        await PublishAsync("other device", "denoiser", "cuda", 5000, "sd15");
        await PublishAsync("other role", "text-encoder", "cpu", 5000, "sd15");
        await PublishAsync("own", "denoiser", "cpu", 320, "sd15");
        _work = [Work("sd15")];
        Assert.True(await IsActiveAsync(Denoisers));
        _work = [];

        Assert.True(await IsActiveAsync(Denoisers, after: 20));
        Assert.False(await IsActiveAsync(Denoisers, after: 1));
    }

    [Fact]
    public void Models_of_a_watched_folder_tell_no_pool()
    {
        var worker = new WorkerCard { Id = "own", Role = "denoiser", Models = new Dictionary<string, string> { ["sd15"] = "1", ["later"] = "2" } };
        Assert.False(Denoisers.Has(worker));
        Assert.True(Denoisers.Has(worker with { WatchedModels = ["later"] }));
        Assert.False(Denoisers.Has(worker with { WatchedModels = ["sd15"] }));
    }

    [Fact]
    public async Task The_name_of_a_cascade_stands_for_its_models()
    {
        await _catalog.PublishAsync(
            new ModelCard
            {
                Name = "cascade",
                Family = "imagen",
                Fingerprint = "f",
                Facts = new ModelFacts { Family = "imagen" },
                Scheduler = [],
                Stages = [Stage("base"), Stage("upscaler")],
            },
            Stop);
        ScaledPool pool = Denoisers with { Models = ["cascade"] };
        _work = [Work("upscaler")];
        Assert.True(await IsActiveAsync(pool));
        _work = [Work("sd15")];
        Assert.False(await IsActiveAsync(Denoisers with { Models = ["base"] }, "other"));

        static CascadeStage Stage(string model) => new("base", model, 0, []);
    }

    [Fact]
    public async Task Many_other_pools_are_refused_and_make_none_forgotten()
    {
        _work = [Work("sd15")];
        Assert.True(await IsActiveAsync(Denoisers));
        _work = [];
        for (int i = 1; i < 1000; i++)
        {
            await IsActiveAsync(Denoisers, string.Create(CultureInfo.InvariantCulture, $"other {i}"), after: 0);
        }

        await Assert.ThrowsAsync<AdmissionException>(() => IsActiveAsync(Denoisers, "one more"));
        Assert.True(await IsActiveAsync(Denoisers, after: 50));
        // KEDA has not asked for the others for a long time.
        Assert.False(await IsActiveAsync(Denoisers, "one more", after: 700));
    }

    [Fact]
    public async Task Activity_is_pushed_when_it_changes_and_an_outage_ends_no_stream()
    {
        const string Token = "the-readers-of-metrics";
        await using GrpcServer server = await GrpcServer.StartAsync(new ExternalScalerService(
            _scaler, _time, new NeverStops(), new Hosting.OperatorAccess(new Hosting.PlatformOptions { MetricsToken = Token }, null)));
        using GrpcChannel channel = GrpcChannel.ForAddress(server.Address);
        var pool = new ScaledObjectRef { Name = "denoiser" };
        pool.ScalerMetadata.Add(new Dictionary<string, string> { ["role"] = "denoiser", ["loadSeconds"] = "0", ["tokenFromEnv"] = Token });
        using AsyncServerStreamingCall<IsActiveResponse> call =
            new ExternalScaler.ExternalScalerClient(channel).StreamIsActive(pool, cancellationToken: Stop);
        Assert.False(await NextAsync());

        // Every question of a round has been asked when the work was read again.
        await RoundsAsync(2);
        _isUnavailable = true;
        await RoundsAsync(2);
        _isUnavailable = false;
        _work = [Work("sd15")];
        await RoundsAsync(3);
        _work = [];
        await RoundsAsync(1);
        Assert.True(await NextAsync());
        Assert.False(await NextAsync());

        async Task RoundsAsync(int rounds)
        {
            for (int i = 0; i < rounds; i++)
            {
                int reads = Volatile.Read(ref _reads);
                await Eventually.TrueAsync(
                    () =>
                    {
                        _time.Advance(TimeSpan.FromSeconds(2));
                        return Task.FromResult(Volatile.Read(ref _reads) > reads);
                    },
                    "the work is read");
            }
        }

        async Task<bool> NextAsync()
        {
            Assert.True(await call.ResponseStream.MoveNext(Stop).WaitAsync(Eventually.Deadline, Stop));
            return call.ResponseStream.Current.Result;
        }
    }

    public Task<IReadOnlyList<PendingWork>> WorkAsync(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _reads);
        return _isUnavailable
            ? Task.FromException<IReadOnlyList<PendingWork>>(new PlatformUnavailableException(PlatformPart.JobStore, "gone"))
            : Task.FromResult(_work);
    }

    private static PendingWork Work(string model) => new(JobPriority.Standard, false, new StageShape("denoise", model, "f", 4096, 1), 1, 10);

    private Task PublishAsync(string id, string role, string provider, double loadSeconds, string model) => _catalog.PublishAsync(
        new WorkerCard
        {
            Id = id,
            Role = role,
            Provider = provider,
            Models = new Dictionary<string, string> { [model] = "files" },
            LoadSeconds = loadSeconds,
        },
        Stop);

    private Task<bool> IsActiveAsync(ScaledPool pool, string name = Name, int after = 2)
    {
        _time.Advance(TimeSpan.FromSeconds(after));
        return _scaler.IsActiveAsync(name, pool, Stop);
    }

    /// <summary>A clock whose time of day goes back with every second.</summary>
    private sealed class SetBackClock : TimeProvider
    {
        public int Seconds { get; set; }

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => Seconds;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddYears(1).AddHours(-Seconds);
    }
}
