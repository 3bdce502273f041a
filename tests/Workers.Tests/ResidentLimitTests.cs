using Brownian.Diffusion.Faults;
using Brownian.Gateway;
using Brownian.Hosting;
using Brownian.Inference.Stages;
using Brownian.Jobs.Access;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Records;
using Brownian.Jobs.Services;
using Brownian.Models.Plans;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Brownian.Workers.Tests;

/// <summary>A process of workers above its memory limit ends between two stages, and no work is lost.</summary>
public sealed class ResidentLimitTests(RealServers servers) : IDisposable
{
    private const int LimitMiB = 1000;
    private const int Evaluations = 50;
    private const long Below = 900L << 20, Above = 1100L << 20;

    private static readonly string[] Kinds = [StageKind.TextEncode, StageKind.Denoise, StageKind.VaeDecode];

    private readonly Stubs _stubs = new();
    private readonly TemporaryFolder _data = new();
    private readonly CountingRunner[] _runners = [.. Kinds.Select(kind => new CountingRunner(kind))];
    private readonly List<LogLines> _logs = [];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_worker_above_the_limit_finishes_its_stage_hands_the_job_on_and_ends_its_process(bool cluster)
    {
        string model = _stubs.Add();
        var memory = new FakeMemory(Below);
        string id;
        await using (Node first = await StartAsync(cluster, model, memory))
        {
            Task ending = Ending(first);
            id = await SubmitAsync(first, model);
            await _runners[0].StartsAsync();
            memory.Resident = Above;
            _runners[0].Let(Evaluations - 1);
            for (int i = 1; i < Evaluations; i++)
            {
                await _runners[0].StartsAsync();
            }
            // It keeps working until the stage ends.
            Assert.Equal(WorkerState.Ready, WorkerOf(first).State);
            Assert.False(ending.IsCompleted);

            _runners[0].Let(1);
            await ending.WaitAsync(Eventually.Deadline, Stop);

            StoredJob waiting = (await first.Services.GetRequiredService<JobService>().FindAsync(Tenant.Default, id, Stop))!;
            Assert.Equal((JobPhase.Queued, StageKind.Denoise), (waiting.Record.Phase, waiting.CurrentStage!.Kind));
            Assert.Equal(WorkerState.Draining, WorkerOf(first).State);
        }
        Assert.Equal((Evaluations, 0), (_runners[0].Started, _runners[1].Started));
        LogLine logged = Assert.Single(_logs[0].Lines, line => line.Event == "MemoryLimitExceeded");
        Assert.Contains("1100 MiB are resident, above the limit of 1000 MiB", logged.Text, StringComparison.Ordinal);

        // A supervisor would restart it.
        await using Node second = await StartAsync(cluster, model, new FakeMemory(Below));
        LetAll();
        StoredJob done = await EndAsync(second, id);
        Assert.Equal(JobPhase.Done, done.Record.Phase);
        Assert.All(_runners, runner => Assert.Equal(Evaluations, runner.Started));
        Assert.DoesNotContain(await EventsAsync(second, id), item => item.StageReturned is not null);
        Assert.All(JobMessages.ToMessage(done).Stages, stage => Assert.Equal(0, stage.Deaths));
    }

    [Fact]
    public async Task Memory_that_is_returned_to_the_system_does_not_count_against_the_limit()
    {
        string model = _stubs.Add();
        var memory = new FakeMemory(Below, afterTrim: Below);
        await using Node node = await StartAsync(cluster: false, model, memory);
        Task ending = Ending(node);
        memory.Resident = Above;
        LetAll();

        StoredJob done = await EndAsync(node, await SubmitAsync(node, model));

        Assert.Equal(JobPhase.Done, done.Record.Phase);
        Assert.Equal((1, WorkerState.Ready), (memory.Trims, WorkerOf(node).State));
        Assert.False(ending.IsCompleted);
    }

    [Fact]
    public async Task A_worker_of_several_slots_above_the_limit_ends_them_together_with_one_log_line()
    {
        string model = _stubs.Add();
        var memory = new FakeMemory(Below);
        string[] ids;
        await using (Node first = await StartAsync(cluster: false, model, memory, "Slots=3"))
        {
            Task ending = Ending(first);
            ids = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => SubmitAsync(first, model)));
            for (int i = 0; i < ids.Length; i++)
            {
                await _runners[0].StartsAsync();
            }
            memory.Resident = Above;
            _runners[0].Let(3 * Evaluations);
            await ending.WaitAsync(Eventually.Deadline, Stop);
            await first.StopAsync();
        }
        Assert.Single(_logs[0].Lines, line => line.Event == "MemoryLimitExceeded");

        await using Node second = await StartAsync(cluster: false, model, new FakeMemory(Below), "Slots=3");
        for (int i = 0; i < 3; i++)
        {
            LetAll();
        }
        foreach (string id in ids)
        {
            Assert.Equal(JobPhase.Done, (await EndAsync(second, id)).Record.Phase);
        }
        Assert.All(_runners, runner => Assert.Equal(3 * Evaluations, runner.Started));
    }

    [Fact]
    public async Task A_limit_that_the_models_alone_exceed_is_logged_at_the_start()
    {
        await using Node node = await StartAsync(cluster: false, _stubs.Add(), new FakeMemory(Above));
        await Eventually.TrueAsync(
            () => Task.FromResult(_logs[0].Lines.Any(line => line.Event == "MemoryLimitTooLow")), "the log says that the limit is too low");
        Assert.Equal(WorkerState.Ready, WorkerOf(node).State);
    }

    [Fact]
    public void Settings_that_end_the_process_are_refused_for_a_process_with_a_gateway()
    {
        string[] args = ["--Platform:Ephemeral=true", "--Platform:ResidentLimitMiB=1000", "--Platform:Drain=true"];
        FieldFaultException refused = Assert.Throws<FieldFaultException>(() => PlatformHost.Build(args, ServiceRole.Gateway, Node.Everything));
        Assert.Equal(["Platform:ResidentLimitMiB", "Platform:Drain"], refused.Faults.Select(fault => fault.Field));
    }

    [Fact]
    public void The_resident_memory_includes_memory_that_the_process_uses()
    {
        var memory = new ProcessMemory();
        byte[] held = new byte[256 << 20];
        held.AsSpan().Fill(1);
        Assert.InRange(memory.Resident, held.Length, long.MaxValue);
        GC.KeepAlive(held);
    }

    public void Dispose()
    {
        _stubs.Dispose();
        _data.Dispose();
        _logs.ForEach(log => log.Dispose());
    }

    private static Task Ending(Node node)
    {
        var ending = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        node.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.Register(ending.SetResult);
        return ending.Task;
    }

    private static StageWorker WorkerOf(Node node) => node.Services.GetRequiredService<StageWorker>();

    private static async Task<string> SubmitAsync(Node node, string model)
    {
        JobService jobs = node.Services.GetRequiredService<JobService>();
        var job = new JobDefinition
        {
            Id = jobs.NewId(),
            Created = jobs.Now,
            Plan = new Plan { Stages = [.. Kinds.Select(kind => new PlanStage { Name = kind, Kind = kind, Model = model })] },
        };
        await jobs.SubmitAsync(job, Stop);
        return job.Id;
    }

    private static async Task<List<V1.JobEvent>> EventsAsync(Node node, string id)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        deadline.CancelAfter(Eventually.Deadline);
        var events = new List<V1.JobEvent>();
        await foreach (V1.JobEvent item in node.Services.GetRequiredService<JobService>().WatchAsync(Tenant.Default, id, 0, deadline.Token))
        {
            events.Add(item);
        }
        return events;
    }

    private static async Task<StoredJob> EndAsync(Node node, string id)
    {
        await EventsAsync(node, id);
        return (await node.Services.GetRequiredService<JobService>().FindAsync(Tenant.Default, id, Stop))!;
    }

    private void LetAll()
    {
        foreach (CountingRunner runner in _runners)
        {
            runner.Let(Evaluations);
        }
    }

    /// <summary>A process of one worker for all stages: after each it could take the next one itself.</summary>
    private async Task<Node> StartAsync(bool cluster, string model, FakeMemory memory, params string[] settings)
    {
        string[] where = cluster ? await servers.SettingsAsync() : ["DataFolder=" + _data.FullPath];
        return await Node.StartAsync(
            platform =>
            {
                platform.AddGateway().AddWorker(new WorkerRole("everything", Kinds));
                platform.Services.RemoveAll<StageRunnerFactory>();
                foreach (CountingRunner runner in _runners)
                {
                    platform.Services.AddSingleton(new StageRunnerFactory(_ => runner));
                }
                platform.Services.Replace(ServiceDescriptor.Singleton<IProcessMemory>(memory));
                var log = new LogLines();
                _logs.Add(log);
                platform.Web.Logging.AddFilter<LogLines>("Brownian", LogLevel.Information);
                platform.Services.AddSingleton<ILoggerProvider>(log);
            },
            ServiceRole.Denoiser,
            [.. _stubs.Settings(model), .. where, .. settings, string.Create(CultureInfo.InvariantCulture, $"ResidentLimitMiB={LimitMiB}")]);
    }
}
