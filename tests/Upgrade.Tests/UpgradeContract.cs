using Brownian.V1;
using Grpc.Core;

namespace Brownian.Upgrade.Tests;

/// <summary>What holds for either form when the programs are replaced by today's and the records stay.</summary>
/// <param name="installation">Today's programs on the records.</param>
public abstract class UpgradeContract(Installation installation)
{
    private SavedData Saved => installation.Saved;

    private static CancellationToken Stop => Installation.Stop;

    private Generation.GenerationClient Generation => installation.Gateway.Client.Generation;

    [Fact]
    public async Task Ended_jobs_are_listed_with_the_fields_they_had()
    {
        IReadOnlyList<Job> expected = Saved.Ended;
        HashSet<string> ids = [.. expected.Select(job => job.Id)];
        // Those that ended well, failed and were cancelled.
        Assert.Equal(3, expected.Select(job => job.State).Distinct().Count());

        ListJobsResponse listed = await Generation.ListAsync(new ListJobsRequest { PageSize = 1000 }, cancellationToken: Stop);

        Assert.Equal(expected, listed.Jobs.Where(job => ids.Contains(job.Id)));
        Job labelled = expected.Single(job => job.Labels.ContainsKey("album"));
        var query = new ListJobsRequest { Labels = { labelled.Labels }, Model = labelled.Model, States = { JobState.Done } };
        // Those that waited carry its labels too, and may be done by now.
        Assert.Equal([labelled], (await Generation.ListAsync(query, cancellationToken: Stop)).Jobs.Where(job => ids.Contains(job.Id)));
    }

    [Fact]
    public async Task Ended_jobs_tell_the_events_they_told()
    {
        foreach (IGrouping<string, JobEvent> events in Saved.Events.GroupBy(told => told.JobId))
        {
            Assert.Equal(events.Select(Told), (await installation.WatchAsync(events.Key)).Select(Told));
        }

        static JobEvent Told(JobEvent told)
        {
            // A snapshot is as old as the question.
            told.Time = told.Snapshot is null ? told.Time : null;
            return told;
        }
    }

    [Fact]
    public async Task Artifacts_of_ended_jobs_have_the_bytes_they_had()
    {
        Artifact[] artifacts = [.. Saved.Ended.SelectMany(job => job.Artifacts)];
        // An image as WebP and what a job stopped with are among them.
        Assert.True(artifacts.Select(artifact => artifact.MediaType).Distinct().Count() == 3);
        foreach (Artifact artifact in artifacts)
        {
            byte[] bytes = await installation.Gateway.Client.GetArtifactAsync(artifact.Id, Stop);
            Assert.Equal(artifact.Sha256, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes)));
        }
    }

    [Fact]
    public async Task A_request_sent_again_under_its_key_is_the_job_it_was()
    {
        GenerateRequest request = Saved.Repeated;
        Assert.NotEmpty(request.IdempotencyKey);

        Assert.Equal(Saved.EndedId("text-to-image"), (await Generation.SubmitAsync(request, cancellationToken: Stop)).Id);

        request.Steps++;
        RpcException refused = await Assert.ThrowsAsync<RpcException>(async () => await Generation.SubmitAsync(request, cancellationToken: Stop));
        Assert.Equal(StatusCode.AlreadyExists, refused.StatusCode);
    }

    [Fact]
    public async Task A_job_that_was_cancelled_can_be_retried()
    {
        Job job = await Generation.RetryAsync(new RetryJobRequest { Id = Saved.EndedId("cancelled") }, cancellationToken: Stop);

        Assert.Equal(Saved.EndedId("cancelled"), job.RetryOf);
        Assert.Equal(Saved.Ended.Single(ended => ended.Id == job.RetryOf).Request, job.Request);
        Assert.True((await Generation.CancelAsync(new CancelJobRequest { Id = job.Id }, cancellationToken: Stop)).Cancelled);
    }

    [Fact]
    public async Task An_upload_that_jobs_name_is_there_for_new_requests()
    {
        var request = new GenerateRequest { Model = "emoji", Prompt = "fox, flat", InitImage = Saved.Uploads[0].Id, Steps = 2, Seed = 1 };

        Job job = await Generation.SubmitAsync(request, cancellationToken: Stop);

        Assert.Single(await installation.PicturesAsync(job.Id));
    }

    [Fact]
    public async Task What_a_job_stopped_with_is_gone_on_with_to_the_same_picture()
    {
        byte[] kept = Assert.Single(await installation.PicturesAsync(Saved.EndedId("cascade-begun")));
        UploadedImage upload = await installation.Gateway.Client.UploadAsync(new MemoryStream(kept), Stop);

        Job job = await Generation.SubmitAsync(new GenerateRequest { From = upload.Id }, cancellationToken: Stop);

        Pictures.AssertSame(await installation.PicturesAsync(Saved.EndedId("cascade")), await installation.PicturesAsync(job.Id));
    }

    /// <summary>A job that waited, or was stopped, goes on where it was and gives the image that the version before gave of its request.</summary>
    protected async Task AssertGoesOnAsync(string name, string state, string stage)
    {
        SavedJob job = Saved.Jobs.Single(saved => (saved.Name, saved.State, saved.Stage) == (name, state, stage));

        byte[][] images = await installation.PicturesAsync(job.Id);

        Pictures.AssertSame(await installation.PicturesAsync(Saved.EndedId(name)), images);
        IReadOnlyList<JobEvent> events = await installation.WatchAsync(job.Id);
        Assert.Equal(Enumerable.Range(1, events.Count - 1).Select(id => (long)id), events.Skip(1).Select(told => told.Id));
        // No stage that was done is done again.
        Assert.Distinct(events.Select(told => told.StageCompleted?.Stage).OfType<string>());
        if (state == "waits")
        {
            Assert.DoesNotContain(events, told => told.StageStarted?.ResumedFrom > 0);
            return;
        }
        // Ten evaluations were seen and every fourth is kept, the last one while the next is made.
        StageStarted resumed = Assert.Single(events, told => told.StageStarted is { Stage: "denoise", ResumedFrom: > 0 }).StageStarted;
        Assert.InRange(resumed.ResumedFrom, 8, 39);
        Progress first = events.SkipWhile(told => told.StageStarted != resumed).First(told => told.Progress is not null).Progress;
        Assert.Equal(resumed.ResumedFrom + 1, first.Evaluation);
        string reason = Assert.Single(events, told => told.StageReturned is not null).StageReturned.Reason;
        Assert.Equal(state == "running", reason.EndsWith("was lost", StringComparison.Ordinal));
    }
}
