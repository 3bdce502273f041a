using Brownian.Hosting;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Costs;
using Brownian.Jobs.Records;
using Brownian.V1;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Workers.Tests;

/// <summary>Workers publish the times of the stages that they ran, from which jobs get estimates.</summary>
public sealed class MeasuredTimesTests(RealServers servers) : IDisposable
{
    private readonly Stubs _stubs = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_job_has_an_estimate_once_each_of_its_stages_was_measured_at_its_size(bool cluster)
    {
        string model = _stubs.Add();
        string[] settings = cluster ? await servers.SettingsAsync() : [];
        await using Node node = await Node.StartAsync(Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(model), .. settings]);
        Job first = await SubmitAsync(node, model, 32);
        Assert.Null(first.EstimatedWork);
        await Eventually.TrueAsync(async () => (await GetAsync(node, first.Id)).State == JobState.Done, "the first job is done");
        StoredJob job = (await node.Services.GetRequiredService<IJobStore>().FindAsync(first.Id, Stop))!;
        StageShape[] shapes = [.. job.Definition.Plan.Stages.Zip(job.Definition.Work).Select(pair => pair.Second.ShapeOf(pair.First))];
        Assert.Equal((0, 1), (shapes[0].Pixels, shapes[0].Batch));
        Assert.Equal(2, shapes.Single(shape => shape.Kind == "denoise").Batch);
        await Eventually.TrueAsync(
            async () =>
            {
                StageCosts costs = await node.Services.GetRequiredService<ICatalog>().CostsAsync(Stop);
                return shapes.All(shape => costs.Find(shape, "cpu") > 0);
            },
            "the times are in the catalogue");

        foreach (StageWorker worker in node.Services.GetServices<StageWorker>())
        {
            await node.Client.Workers.PauseAsync(new WorkerRequest { Id = worker.Id }, cancellationToken: Stop);
        }
        string second = (await SubmitAsync(node, model, 32)).Id;
        // Jobs of one millisecond are not before each other.
        IJobStore store = node.Services.GetRequiredService<IJobStore>();
        DateTimeOffset submitted = store.Clock.GetUtcNow();
        await Eventually.TrueAsync(() => Task.FromResult(store.Clock.GetUtcNow() > submitted.AddMilliseconds(2)), "the clock has moved");
        string larger = (await SubmitAsync(node, model, 64)).Id;
        await Eventually.TrueAsync(async () => (await GetAsync(node, second)).EstimatedWork?.ToTimeSpan() > TimeSpan.Zero, "the job has an estimate");
        Assert.Null((await GetAsync(node, larger)).EstimatedWork);
        Assert.Equal((0, 1), ((await GetAsync(node, second)).JobsBefore, (await GetAsync(node, larger)).JobsBefore));
        CancelJobResponse cancelled = await node.Client.Generation.CancelAsync(new CancelJobRequest { Id = second }, cancellationToken: Stop);
        Assert.Null(cancelled.Job.EstimatedWork);
        Assert.False(cancelled.Job.HasJobsBefore);
        Assert.Equal(0, (await GetAsync(node, larger)).JobsBefore);
    }

    public void Dispose() => _stubs.Dispose();

    private static async Task<Job> SubmitAsync(Node node, string model, int side)
    {
        GenerateRequest request = Stubs.Request(model, 1);
        request.Width = request.Height = side;
        return await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop);
    }

    private static async Task<Job> GetAsync(Node node, string id) =>
        await node.Client.Generation.GetAsync(new GetJobRequest { Id = id }, cancellationToken: Stop);
}
