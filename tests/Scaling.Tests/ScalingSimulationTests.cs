using Brownian.Scaling.Tests.Simulation;

namespace Brownian.Scaling.Tests;

/// <summary>
/// The gateway's scaler, asked over gRPC with the rules of KEDA and the HPA, over days of made-up traffic, beside the cheapest plan of an oracle that
/// knows the future and beside scaling by the queue's length.
/// </summary>
public sealed class ScalingSimulationTests(ITestOutputHelper output)
{
    /// <summary>Stages of 2 to 15 s.</summary>
    private static readonly WorkShape[] Shapes =
        [new(4096, 20, 0.09), new(4096, 50, 0.09), new(9216, 30, 0.25), new(16384, 30, 0.5), new(16384, 4, 0.5)];

    private static readonly ScalingRules Rules = new();

    /// <summary>A day, and the time in which the pool goes to zero.</summary>
    private const int End = (24 * 3600) + 600;

    /// <summary>The HPA changes nothing while the metric is within a tenth of the target.</summary>
    private static readonly double LongestWait = 1.1 * Rules.TargetSeconds;

    /// <summary>Days whose busiest hours keep two, four and eight replicas busy.</summary>
    [Theory]
    [InlineData(1ul, 4)]
    [InlineData(2ul, 8)]
    [InlineData(3ul, 2)]
    public async Task A_day_costs_at_most_15_percent_more_than_the_oracles_and_nobody_waits_much_longer_than_the_target(ulong seed, double busiest)
    {
        IReadOnlyList<Arrival> arrivals = Traffic.Day(seed, busiest, Shapes);
        PoolReport report = await ScaleAsync(arrivals, End);
        PoolReport queue = await ScaleByQueueLengthAsync(arrivals, End);
        long oracle = Oracle.Plan(arrivals, Rules, End);
        Write("seconds of work", report, oracle);
        Write("queue length", queue, oracle);

        Assert.InRange(report.Cost / (double)oracle, 1, 1.15);
        Assert.Equal(arrivals.Count, report.Waits.Count);
        Assert.InRange(report.Wait(0.95), 0, LongestWait);
        Assert.InRange(report.Wait(1), 0, Rules.TargetSeconds + Rules.LoadSeconds);
        Assert.Equal(0, report.Last);
        // Replicas are hardly ever removed and wanted again before a new one would have loaded.
        Assert.InRange(report.Reversals(Rules.LoadSeconds), 0, Math.Ceiling(0.03 * report.Changes.Count));
        Assert.True(report.Changes.Count < queue.Changes.Count, "fewer changes than with the queue's length");
    }

    /// <summary>Small images in the first half of the day and large ones in the second: the number of stages says little about their work.</summary>
    [Fact]
    public async Task When_the_mix_changes_the_seconds_of_work_keep_the_target_and_the_queues_length_does_not()
    {
        const double Half = 12 * 3600;
        Arrival[] arrivals =
        [
            .. Traffic.Day(4, 4, Shapes[..2]).Where(arrival => arrival.Time < Half),
            .. Traffic.Day(5, 4, Shapes[2..4]).Where(arrival => arrival.Time >= Half),
        ];
        PoolReport report = await ScaleAsync(arrivals, End);
        PoolReport queue = await ScaleByQueueLengthAsync(arrivals, End);
        long oracle = Oracle.Plan(arrivals, Rules, End);
        Write("seconds of work", report, oracle);
        Write("queue length", queue, oracle);

        Assert.InRange(report.Wait(0.95), 0, LongestWait);
        Assert.True(queue.Wait(0.95) > 1.5 * Rules.TargetSeconds, "the queue's length does not keep the target");
    }

    [Theory]
    [InlineData(5)]
    [InlineData(30)]
    [InlineData(600)]
    public async Task The_first_stage_is_served_after_the_load_time_and_an_idle_pool_goes_to_zero(int loadSeconds)
    {
        ScalingRules rules = Rules with { LoadSeconds = loadSeconds };
        PoolReport report = await ScaleAsync([new Arrival(7, Shapes[0])], 3600, rules);

        Assert.InRange(Assert.Single(report.Waits), loadSeconds - 1, loadSeconds + 2);
        Assert.Equal([1, -1], report.Changes.Select(change => change.Change));
        // One that takes longer to load than the cooldown is kept as long as loading it takes.
        int idle = report.Changes[1].Time - (report.Changes[0].Time + loadSeconds), least = Math.Max(rules.CooldownSeconds, loadSeconds);
        Assert.InRange(idle, least - rules.PollingSeconds, least + rules.PollingSeconds);
    }

    [Fact]
    public async Task Without_traffic_nothing_is_started() => Assert.Equal(0, (await ScaleAsync([], 3600)).Cost);

    /// <summary>The oracle's answer for traffic whose best plan is known.</summary>
    [Fact]
    public void The_oracle_finds_the_cheapest_plan_of_simple_traffic()
    {
        // One stage: load, work that is no longer than a step, and the cooldown from the last step with work.
        Assert.Equal(30 + 15 + 300, Oracle.Plan([new Arrival(0, new WorkShape(1, 10, 1))], Rules, 3600));
        // Work for one replica all the time.
        Arrival[] steady = [.. Enumerable.Range(0, 240).Select(i => new Arrival(i * 15, new WorkShape(1, 15, 1)))];
        Assert.InRange(Oracle.Plan(steady, Rules, 3600), 3500, 3600 + 30);
        // Ten minutes of work at once must have begun within the target, on several replicas.
        Arrival[] burst = [.. Enumerable.Range(0, 60).Select(_ => new Arrival(0, new WorkShape(1, 10, 1)))];
        Assert.InRange(Oracle.Plan(burst, Rules, 3600), 600 + (7 * 30), 2000);
    }

    private static async Task<PoolReport> ScaleAsync(IReadOnlyList<Arrival> arrivals, int end, ScalingRules? rules = null)
    {
        await using GrpcPoolScaler scaler = await GrpcPoolScaler.StartAsync(Shapes, rules ?? Rules);
        scaler.Pool = new SimulatedPool(arrivals, rules ?? Rules, scaler);
        return await scaler.Pool.RunAsync(end);
    }

    private static async Task<PoolReport> ScaleByQueueLengthAsync(IReadOnlyList<Arrival> arrivals, int end)
    {
        var scaler = new QueueLengthScaler(Shapes.Average(shape => shape.Seconds));
        scaler.Pool = new SimulatedPool(arrivals, Rules, scaler);
        return await scaler.Pool.RunAsync(end);
    }

    private void Write(string name, PoolReport report, long oracle) => output.WriteLine(
        string.Create(
            CultureInfo.InvariantCulture,
            $"{name}: {report.Cost} replica-seconds for {report.Work:0} s of work, {report.Cost / (double)oracle:0.000} of the oracle's {oracle}; "
                + $"waits: median {report.Wait(0.5):0} s, 95 % {report.Wait(0.95):0} s, longest {report.Wait(1):0} s; "
                + $"{report.Changes.Count} changes, {report.Added} replicas added, "
                + $"{report.Reversals(120)} times within 120 s of a removal, {report.Reversals(30)} within 30 s"));
}
