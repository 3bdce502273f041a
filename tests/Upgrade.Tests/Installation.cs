using Brownian.V1;
using Grpc.Core;

namespace Brownian.Upgrade.Tests;

/// <summary>Today's programs on a copy of an earlier version's data.</summary>
public abstract class Installation : IAsyncLifetime
{
    /// <summary>Long enough for all waiting jobs to run one after the other, besides other tests.</summary>
    private static readonly TimeSpan Deadline = 2 * Eventually.Deadline;

    private protected Installation(string form) => Saved = new SavedData(form);

    internal SavedData Saved { get; }

    /// <summary>The node that receives requests.</summary>
    internal Node Gateway { get; private protected set; } = null!;

    internal static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>The settings of every node: the models and adapters that the earlier version served.</summary>
    internal static string[] Settings { get; } =
    [
        "ModelFolders:0=" + Repository.Combine("models"),
        "ModelFolders:1=" + Repository.Combine("tests", "Golden.Tests", "Data", "models"),
        "AdapterFolders:0=" + Repository.Combine("tests", "Golden.Tests", "Data", "loras"),
        .. ((string[])["emoji", "tiny-sd15", "tiny-sd15-controlnet", "tiny-if", "tiny-if-sr"]).Select((model, i) => $"Models:{i}={model}"),
    ];

    public abstract ValueTask InitializeAsync();

    public abstract ValueTask DisposeAsync();

    /// <summary>All events of a job, until its end.</summary>
    internal async Task<IReadOnlyList<JobEvent>> WatchAsync(string id)
    {
        using AsyncServerStreamingCall<JobEvent> call = Gateway.Client.Generation.Watch(
            new WatchJobRequest { Id = id }, deadline: DateTime.UtcNow + Deadline, cancellationToken: Stop);
        return await call.ResponseStream.ReadAllAsync(Stop).ToListAsync(Stop);
    }

    /// <summary>The files of a job, after it is done.</summary>
    internal async Task<byte[][]> ImagesAsync(string id)
    {
        await WatchAsync(id);
        Job job = await Gateway.Client.Generation.GetAsync(new GetJobRequest { Id = id }, cancellationToken: Stop);
        Assert.True(job.State == JobState.Done, $"{job.State}: {job.Error?.Message}");
        return await Task.WhenAll(job.Artifacts.Select(artifact => Gateway.Client.GetArtifactAsync(artifact.Id, Stop)));
    }
}
