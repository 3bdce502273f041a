using Brownian.Hosting;
using Brownian.V1;

namespace Brownian.Platform.Tests.Services;

/// <summary>Everything in one process, with a data folder.</summary>
public sealed class OneProcessTests : ServiceContract
{
    private readonly TemporaryFolder _data = new();

    [Fact]
    public async Task An_accepted_job_survives_the_end_of_the_process()
    {
        string model = Models.Add(turns: 50_000);
        string[] settings = [.. Models.Settings(model), "DataFolder=" + _data.FullPath];
        GenerateRequest request = Stubs.Request(model, 3, steps: 12);
        string id;
        await using (Node first = await Node.StartAsync(Node.Everything, ServiceRole.Gateway, settings))
        {
            id = (await first.Client.Generation.SubmitAsync(request, cancellationToken: TestContext.Current.CancellationToken)).Id;
            await UntilAsync(first, id, item => item.Progress is { Stage: "denoise", Evaluation: >= 5 });
        }

        await using Node second = await Node.StartAsync(Node.Everything, ServiceRole.Gateway, settings);
        Job ended = await EndAsync(second, id);

        Assert.Equal(JobState.Done, ended.State);
        Assert.Equal(
            (await Models.ExpectedAsync(request))[0],
            await second.Client.GetArtifactAsync(ended.Artifacts[0].Id, TestContext.Current.CancellationToken));
        // It resumed from its checkpoint instead of from the beginning.
        Assert.Contains(await WatchAsync(second, id, 0), item => item.StageStarted is { Stage: "denoise", ResumedFrom: >= 4 });
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _data.Dispose();
    }

    private protected override Task<Node> StartNodeAsync(string[] settings) =>
        Node.StartAsync(Node.Everything, ServiceRole.Gateway, [.. settings, "DataFolder=" + _data.FullPath]);
}
