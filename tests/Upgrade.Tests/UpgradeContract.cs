using Brownian.V1;
using Grpc.Core;

namespace Brownian.Upgrade.Tests;

/// <summary>The behaviour, the same for one process and for a cluster, when today's programs replace the earlier ones and the records stay.</summary>
/// <param name="installation">Today's programs on the records.</param>
public abstract class UpgradeContract(Installation installation)
{
    private SavedData Saved => installation.Saved;

    private static CancellationToken Stop => Installation.Stop;

    private Generation.GenerationClient Generation => installation.Gateway.Client.Generation;

    [Fact]
    public async Task Ended_jobs_are_listed_with_their_saved_fields()
    {
        IReadOnlyList<Job> expected = Saved.Ended;
        HashSet<string> ids = [.. expected.Select(job => job.Id)];
        // Done, failed and cancelled jobs are among them.
        Assert.Equal(3, expected.Select(job => job.State).Distinct().Count());

        ListJobsResponse listed = await Generation.ListAsync(new ListJobsRequest { PageSize = 1000 }, cancellationToken: Stop);

        Assert.Equal(expected, listed.Jobs.Where(job => ids.Contains(job.Id)));
        Job labelled = expected.Single(job => job.Labels.ContainsKey("album"));
        var query = new ListJobsRequest { Labels = { labelled.Labels }, Model = labelled.Model, States = { JobState.Done } };
        // The jobs that waited have its labels too, and may be done by now.
        Assert.Equal([labelled], (await Generation.ListAsync(query, cancellationToken: Stop)).Jobs.Where(job => ids.Contains(job.Id)));
    }

    [Fact]
    public async Task The_events_of_an_ended_job_are_the_same_when_watched_again()
    {
        foreach (IGrouping<string, JobEvent> events in Saved.Events.GroupBy(item => item.JobId))
        {
            Assert.Equal(events.Select(WithoutSnapshotTime), (await installation.WatchAsync(events.Key)).Select(WithoutSnapshotTime));
        }

        static JobEvent WithoutSnapshotTime(JobEvent item)
        {
            // A snapshot has the time of the call.
            item.Time = item.Snapshot is null ? item.Time : null;
            return item;
        }
    }

    [Fact]
    public async Task Artifacts_of_ended_jobs_have_their_saved_bytes()
    {
        Artifact[] artifacts = [.. Saved.Ended.SelectMany(job => job.Artifacts)];
        // An image as WebP and the result of a stopped job are among them.
        Assert.True(artifacts.Select(artifact => artifact.MediaType).Distinct().Count() == 3);
        foreach (Artifact artifact in artifacts)
        {
            byte[] bytes = await installation.Gateway.Client.GetArtifactAsync(artifact.Id, Stop);
            Assert.Equal(artifact.Sha256, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes)));
        }
    }

    [Fact]
    public async Task A_request_sent_again_under_its_idempotency_key_gives_the_saved_job()
    {
        GenerateRequest request = Saved.Repeated;
        Assert.NotEmpty(request.IdempotencyKey);

        Assert.Equal(Saved.EndedId("text-to-image"), (await Generation.SubmitAsync(request, cancellationToken: Stop)).Id);

        request.Steps++;
        RpcException refused = await Assert.ThrowsAsync<RpcException>(async () => await Generation.SubmitAsync(request, cancellationToken: Stop));
        Assert.Equal(StatusCode.AlreadyExists, refused.StatusCode);
    }

    [Fact]
    public async Task A_saved_cancelled_job_can_be_retried()
    {
        Job job = await Generation.RetryAsync(new RetryJobRequest { Id = Saved.EndedId("cancelled") }, cancellationToken: Stop);

        Assert.Equal(Saved.EndedId("cancelled"), job.RetryOf);
        Assert.Equal(Saved.Ended.Single(ended => ended.Id == job.RetryOf).Request, job.Request);
        Assert.True((await Generation.CancelAsync(new CancelJobRequest { Id = job.Id }, cancellationToken: Stop)).Cancelled);
    }

    [Fact]
    public async Task An_upload_that_saved_jobs_name_can_be_used_by_new_requests()
    {
        var request = new GenerateRequest { Model = "emoji", Prompt = "fox, flat", InitImage = Saved.Uploads[0].Id, Steps = 2, Seed = 1 };

        Job job = await Generation.SubmitAsync(request, cancellationToken: Stop);

        Assert.Single(await installation.ImagesAsync(job.Id));
    }

    [Fact]
    public async Task The_saved_result_of_a_stopped_job_can_be_continued_to_the_same_image()
    {
        byte[] kept = Assert.Single(await installation.ImagesAsync(Saved.EndedId("cascade-begun")));
        UploadedImage upload = await installation.Gateway.Client.UploadAsync(new MemoryStream(kept), Stop);

        Job job = await Generation.SubmitAsync(new GenerateRequest { From = upload.Id }, cancellationToken: Stop);

        ImageComparison.AssertSame(await installation.ImagesAsync(Saved.EndedId("cascade")), await installation.ImagesAsync(job.Id));
    }

    /// <summary>Checks that a job that waited or was stopped resumes and gives the earlier version's image of its request.</summary>
    protected async Task AssertResumesAsync(string name, string state, string stage)
    {
        SavedJob job = Saved.Jobs.Single(saved => (saved.Name, saved.State, saved.Stage) == (name, state, stage));

        byte[][] images = await installation.ImagesAsync(job.Id);

        ImageComparison.AssertSame(await installation.ImagesAsync(Saved.EndedId(name)), images);
        IReadOnlyList<JobEvent> events = await installation.WatchAsync(job.Id);
        Assert.Equal(Enumerable.Range(1, events.Count - 1).Select(id => (long)id), events.Skip(1).Select(item => item.Id));
        // No stage that was done runs again.
        Assert.Distinct(events.Select(item => item.StageCompleted?.Stage).OfType<string>());
        if (state == "waits")
        {
            Assert.DoesNotContain(events, item => item.StageStarted?.ResumedFrom > 0);
            return;
        }
        // Ten evaluations were reported; every fourth one is kept, the last one while the next is made.
        StageStarted resumed = Assert.Single(events, item => item.StageStarted is { Stage: "denoise", ResumedFrom: > 0 }).StageStarted;
        Assert.InRange(resumed.ResumedFrom, 8, 39);
        Progress first = events.SkipWhile(item => item.StageStarted != resumed).First(item => item.Progress is not null).Progress;
        Assert.Equal(resumed.ResumedFrom + 1, first.Evaluation);
        string reason = Assert.Single(events, item => item.StageReturned is not null).StageReturned.Reason;
        Assert.Equal(state == "running", reason.EndsWith("was lost", StringComparison.Ordinal));
    }
}
