using Brownian.Client;
using Brownian.Testing.Processes;
using Brownian.V1;

namespace Brownian.Platform.Tests.Kills;

/// <summary>A cluster of processes and servers of its own, any of which may be killed.</summary>
public sealed class KillCluster : IAsyncLifetime
{
    private readonly List<ServiceProcess> _processes = [];

    internal Stubs Stubs { get; } = new();

    internal RedisServer Redis { get; private set; } = null!;

    internal RabbitMqServer RabbitMq { get; private set; } = null!;

    /// <summary>A model whose evaluations take some milliseconds.</summary>
    internal string Model { get; private set; } = "";

    private bool _isOpen;

    internal IReadOnlyList<ServiceProcess> Processes => _processes;

    private string[] Settings =>
    [
        .. Stubs.Settings(Model), "RabbitMq=" + RabbitMq.Uri, "Redis=" + Redis.Configuration, "Threads=1", "ProgressSeconds=0", "LeaseSeconds=1",
        "ReconcileSeconds=0.1", "GraceSeconds=0.5",
    ];

    public async ValueTask InitializeAsync()
    {
        Model = Stubs.Add(turns: 20_000);
        Task<RedisServer> redis = RedisServer.StartAsync(TestContext.Current.CancellationToken);
        RabbitMq = await RabbitMqServer.StartAsync(TestContext.Current.CancellationToken);
        Redis = await redis;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (ServiceProcess process in _processes)
        {
            await process.DisposeAsync();
        }
        await RabbitMq.DisposeAsync();
        await Redis.DisposeAsync();
        Stubs.Dispose();
    }

    /// <summary>Starts services side by side and waits until all are ready.</summary>
    internal async Task StartAsync(params string[] roles) => _processes.AddRange(await Task.WhenAll(roles.Select(role => StartAsync(role, null))));

    /// <summary>Starts the programs that a repository has built, two of each service, and waits until all are ready.</summary>
    /// <param name="repository">The repository; null for the programs with fault points.</param>
    internal async Task StartTwiceAsync(string? repository)
    {
        // Clients of the version before know no keys.
        _isOpen = repository is not null;
        _processes.AddRange(await Task.WhenAll(
            ((string[])["text-encoder", "denoiser", "vae-decoder", "gateway"]).SelectMany(role => (string[])[role, role])
                .Select(role => ServiceProcess.StartAsync(
                    role, [.. Settings, .. role == "gateway" && !_isOpen ? Node.Secured : []], repository: repository))));
    }

    /// <summary>Starts a service that is killed at a fault point; the caller disposes it.</summary>
    internal Task<ServiceProcess> StartAsync(string role, string? fault) =>
        ServiceProcess.StartAsync(role, [.. Settings, .. role == "gateway" ? Node.Secured : []], fault);

    /// <summary>Starts a service with settings of its own; the caller disposes it.</summary>
    internal Task<ServiceProcess> StartWithAsync(string role, params string[] settings) =>
        ServiceProcess.StartAsync(role, [.. Settings, .. role == "gateway" ? Node.Secured : [], .. settings]);

    internal ServiceProcess Find(string role) => _processes.First(process => process.Role == role);

    /// <summary>How a client calls the gateways, which require credentials.</summary>
    internal static BrownianClientOptions ClientOptions { get; } = new()
    {
        RetryTimeout = TimeSpan.FromSeconds(60),
        Credentials = BrownianClientOptions.Fixed(Node.ApiKey),
    };

    /// <summary>A client of all gateways.</summary>
    internal BrownianClient CreateClient() =>
        new([.. _processes.Where(process => process.Role == "gateway").Select(process => process.Address)],
            _isOpen ? ClientOptions with { Credentials = null } : ClientOptions);

    /// <summary>Makes a job and follows it to its end, also when gateways are killed.</summary>
    internal static async Task<List<JobEvent>> GenerateAsync(BrownianClient client, GenerateRequest request)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(2 * Eventually.Deadline);
        var events = new List<JobEvent>();
        await foreach (JobEvent item in client.GenerateAsync(request, deadline.Token))
        {
            events.Add(item);
        }
        return events;
    }

    /// <summary>Checks that a job ended done once with the expected file, for any number of kills of its workers.</summary>
    /// <param name="client">A client.</param>
    /// <param name="id">The job.</param>
    /// <param name="expected">The file of an undisturbed run.</param>
    /// <param name="compare">Compares the expected file and the job's; null for equal bytes.</param>
    /// <returns>How often a stage was taken again.</returns>
    internal static async Task<int> AssertDoneOnceAsync(
        BrownianClient client, string id, byte[] expected, Action<byte[], byte[]>? compare = null)
    {
        var events = new List<JobEvent>();
        using (
            Grpc.Core.AsyncServerStreamingCall<JobEvent> call =
                client.Generation.Watch(new WatchJobRequest { Id = id }, cancellationToken: TestContext.Current.CancellationToken))
        {
            while (await call.ResponseStream.MoveNext(TestContext.Current.CancellationToken))
            {
                events.Add(call.ResponseStream.Current);
            }
        }
        Assert.Equal(Enumerable.Range(1, events.Count - 1).Select(number => (long)number), events.Skip(1).Select(item => item.Id));
        Assert.NotNull(events[^1].Done);
        Assert.Single(events, item => item.Done is not null || item.Failed is not null || item.Cancelled is not null);
        Artifact artifact = Assert.Single(events, item => item.Artifact is not null).Artifact;
        (compare ?? Assert.Equal)(expected, await client.GetArtifactAsync(artifact.Id, TestContext.Current.CancellationToken));
        AssertLittleLost(events);
        return events.Count(item => item.StageStarted is not null) - 4;
    }

    /// <summary>A resumed run repeats at most five evaluations before the last reported one.</summary>
    private static void AssertLittleLost(List<JobEvent> events)
    {
        int reached = 0;
        foreach (JobEvent item in events)
        {
            if (item.Progress is { Stage: "denoise" } progress)
            {
                reached = progress.Evaluation;
            }
            else if (item.StageStarted is { Stage: "denoise" } started)
            {
                Assert.InRange(reached - started.ResumedFrom, 0, 5);
                reached = started.ResumedFrom;
            }
        }
    }
}
