using Brownian.Gateway.Direct;
using Brownian.Gateway.Requests;
using Brownian.Gateway.Uploads;
using Brownian.Hosting;
using Brownian.Jobs.Access;
using Brownian.Jobs.Records;
using Brownian.Jobs.Services;
using Brownian.Models.Plans;
using Brownian.Models.Stages;
using Brownian.V1;
using Brownian.Workers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Brownian.Gateway.Tests.Direct;

/// <summary>A direct call counts against the limit for as long as it holds its tensors.</summary>
public sealed class DirectServiceTests : IDisposable
{
    private const int MaxCalls = 64;

    private readonly Stubs _stubs = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_direct_call_whose_caller_left_counts_against_the_limit_until_its_run_ends()
    {
        await using Node node = await Node.StartAsync(
            platform => Gateway.GatewayExtensions.AddGateway(platform).AddEngines(),
            ServiceRole.Gateway,
            [.. _stubs.Settings(_stubs.Add()), "Ephemeral=true"]);
        JobService jobs = node.Services.GetRequiredService<JobService>();
        var runner = new StubbornRunner();
        var jobService = new DirectService(
            new LocalStages([runner]), jobs, node.Services.GetRequiredService<IAuditLog>(), TimeProvider.System, NullLogger<DirectService>.Instance);
        using var callers = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        Task[] calls = [.. Enumerable.Range(0, MaxCalls).Select(_ => CallAsync(callers.Token))];
        await runner.AllBegan.WaitAsync(Eventually.Deadline, Stop);

        await callers.CancelAsync();
        foreach (Task call in calls)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        }

        // A call that is admitted waits for the runner.
        await Assert.ThrowsAsync<AdmissionException>(() => CallAsync(Stop).WaitAsync(Eventually.Deadline, Stop));
        runner.Ends.SetResult();
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    await CallAsync(Stop);
                    return true;
                }
                catch (AdmissionException)
                {
                    return false;
                }
            },
            "the places are free again");

        async Task CallAsync(CancellationToken cancellationToken)
        {
            string id = jobs.NewId();
            var definition = new JobDefinition
            {
                Id = id,
                Created = jobs.Now,
                Plan = new Plan { Stages = [new PlanStage { Name = "write", Kind = StubbornRunner.OnlyKind }] },
            };
            var files = new RequestFiles(
                node.Services.GetRequiredService<UploadService>(), new Uploader(Caller.Anonymous, "local"), id);
            await foreach (JobEvent item in jobService.GenerateAsync(definition, Caller.Anonymous, null, files, cancellationToken))
            {
                Assert.Null(item.Failed);
            }
        }
    }

    public void Dispose() => _stubs.Dispose();

    /// <summary>A stage within a graph's run, which no cancellation stops.</summary>
    private sealed class StubbornRunner : IStageRunner
    {
        public const string OnlyKind = StageKind.Write;

        private readonly TaskCompletionSource _allBegan = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _began;

        public string Kind => OnlyKind;

        public Task AllBegan => _allBegan.Task;

        public TaskCompletionSource Ends { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task RunAsync(IStageContext context, CancellationToken cancellationToken)
        {
            if (Interlocked.Increment(ref _began) == MaxCalls)
            {
                _allBegan.SetResult();
            }
            return Ends.Task;
        }
    }
}
