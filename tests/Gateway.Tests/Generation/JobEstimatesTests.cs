using Brownian.Gateway.Generation;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Costs;
using Brownian.Jobs.Records;
using Brownian.Testing.Contracts;

namespace Brownian.Gateway.Tests.Generation;

/// <summary>The estimate of the work that is left of a job.</summary>
public sealed class JobEstimatesTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch;

    private static readonly StageShape Text = new("text-encode", "stub", "", 0, 1), Denoise = new("denoise", "stub", "", 4096, 2),
        Write = new("write", "", "", 4096, 1);

    private static readonly CostSample[] Measured =
        [new(Text, "cpu", 0.5), new(Denoise, "cpu", 0.25), new(Denoise, "cuda", 0.05), new(Write, "cpu", 0.125)];

    [Fact]
    public void All_stages_of_a_waiting_job_count() => Assert.Equal(0.5 + (40 * 0.25) + (2 * 0.125), Seconds(Waiting(), Measured, Worker("cpu")));

    [Fact]
    public void Done_stages_and_evaluations_do_not_count()
    {
        StoredJob job = Waiting();
        job = job with { Record = job.Record with { Phase = JobPhase.Running, Stage = 1, Progress = new JobProgress(1, 2, 5, 20) } };
        Assert.Equal((15 * 0.25) + (2 * 0.125), Seconds(job, Measured, Worker("cpu")));
    }

    [Fact]
    public void A_stage_that_was_not_measured_leaves_the_estimate_unknown()
    {
        Assert.Null(Seconds(Waiting(), Measured[1..], Worker("cpu")));
        Assert.Null(Seconds(Waiting(), Measured, Worker("tensorrt")));
        // A job of an older version.
        Assert.Null(Seconds(Waiting() with { Definition = Waiting().Definition with { Work = [] } }, Measured, Worker("cpu")));
    }

    [Fact]
    public void Workers_of_several_kinds_take_stages_in_proportion_to_their_speed()
    {
        // A slot of a GPU makes 20 evaluations in a second, and each of two slots of a CPU makes 4: 3 slots, 28 evaluations.
        double expected = 0.5 + (40 * 3 / 28.0) + (2 * 0.125);
        Assert.Equal(expected, Seconds(Waiting(), Measured, Worker("cuda"), Worker("cpu") with { Slots = 2 })!.Value, 1e-6);
    }

    [Fact]
    public void Without_workers_the_measured_devices_count() =>
        Assert.Equal(0.5 + (40 * 2 / 24.0) + (2 * 0.125), Seconds(Waiting(), Measured)!.Value, 1e-6);

    private static double? Seconds(StoredJob job, CostSample[] samples, params WorkerCard[] denoisers) =>
        JobEstimates.Estimate(job, new StageCosts(samples), denoisers)?.TotalSeconds;

    private static WorkerCard Worker(string provider) =>
        new() { Id = provider, Role = "denoiser", Provider = provider, Models = new Dictionary<string, string> { ["stub"] = "f" } };

    private static StoredJob Waiting()
    {
        StoredJob job = TestJobs.New(Now);
        return job with
        {
            Definition = job.Definition with { Work = [new StageWork(0, 1, 1), new StageWork(4096, 2, 40), new StageWork(4096, 1, 2)] },
            Record = job.Record with { Phase = JobPhase.Queued },
        };
    }
}
