using System.Text;
using System.Text.Json.Nodes;
using Brownian.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Brownian.Upgrade.Saver;

/// <summary>The calls to a gateway of the earlier version, and its answers as the tests read them.</summary>
/// <param name="gateway">The gateway.</param>
/// <param name="repository">The checkout with the images.</param>
internal sealed class Scenario(RunningProgram gateway, string repository)
{
    /// <summary>At this evaluation a job of 40 is in the middle, and two of its checkpoints are stored.</summary>
    private const int Middle = 10;

    private readonly List<SavedJob> _jobs = [];
    private readonly List<UploadedImage> _uploads = [];

    /// <summary>The requests, once <see cref="EndAsync"/> has uploaded their images.</summary>
    public IReadOnlyDictionary<string, GenerateRequest> Requests { get; private set; } = new Dictionary<string, GenerateRequest>();

    private static DateTime Deadline => DateTime.UtcNow + TimeSpan.FromMinutes(5);

    /// <summary>Lets jobs end in every possible way, and leaves an upload that no request names.</summary>
    public async Task EndAsync()
    {
        string scene = await UploadAsync("scene-64x64.png"), control = await UploadAsync("control-64x64.png");
        await UploadAsync("scene-b-64.png");
        Requests = SavedRequests.Create(scene, control, await File.ReadAllBytesAsync(ImageWriter("mask-64x64.png")));
        foreach ((string name, GenerateRequest request) in Requests)
        {
            Job job = await SubmitAsync(request);
            await EndedAsync(job.Id, JobState.Done);
            _jobs.Add(new SavedJob(name, job.Id, "ended"));
        }
        string json = await SubmitJsonAsync();
        await EndedAsync(json, JobState.Done);
        _jobs.Add(new SavedJob("json", json, "ended"));
        Job overdue = await SubmitAsync(SavedRequests.Overdue());
        await EndedAsync(overdue.Id, JobState.Failed);
        _jobs.Add(new SavedJob("overdue", overdue.Id, "ended"));
        Job endless = await SubmitAsync(SavedRequests.Endless());
        await InTheMiddleAsync(endless.Id);
        await gateway.Generation.CancelAsync(new CancelJobRequest { Id = endless.Id }, deadline: Deadline);
        _jobs.Add(new SavedJob("cancelled", endless.Id, "ended"));
        GenerateRequest stopped = Requests["cascade"].Clone();
        stopped.StopAfter = "stage-1";
        Job kept = await SubmitAsync(stopped);
        await EndedAsync(kept.Id, JobState.Done);
        _jobs.Add(new SavedJob("cascade-begun", kept.Id, "ended"));
    }

    /// <summary>Submits a job for the image of an ended one and waits until it waits for a stage without a worker.</summary>
    public async Task WaitAsync(string name, string priority, string stage)
    {
        Job job = await SubmitAsync(SavedRequests.Again(Requests[name], priority));
        await WaitsAsync(job.Id, stage);
        _jobs.Add(new SavedJob(name, job.Id, "waits", stage));
    }

    /// <summary>Submits the long job and waits until it is in the middle.</summary>
    public async Task<string> BeginAsync(string priority)
    {
        Job job = await SubmitAsync(SavedRequests.Again(Requests["long"], priority));
        await InTheMiddleAsync(job.Id);
        return job.Id;
    }

    /// <summary>Submits the long job, which runs later.</summary>
    public async Task<string> SubmitLongAsync(string priority)
    {
        Job job = await SubmitAsync(SavedRequests.Again(Requests["long"], priority));
        await WaitsAsync(job.Id, "denoise");
        return job.Id;
    }

    /// <summary>Records a job that was stopped in the middle.</summary>
    public void AddStopped(string id, string state) => _jobs.Add(new SavedJob("long", id, state, "denoise"));

    /// <summary>Waits until a stopped worker has handed a job back.</summary>
    public Task ReturnedAsync(string id) => WaitsAsync(id, "denoise");

    /// <summary>Waits until an evaluation in the middle of a job is done.</summary>
    public async Task InTheMiddleAsync(string id)
    {
        using AsyncServerStreamingCall<JobEvent> call = gateway.Generation.Watch(new WatchJobRequest { Id = id }, deadline: Deadline);
        await foreach (JobEvent item in call.ResponseStream.ReadAllAsync())
        {
            if (item.Progress is { Stage: "denoise", Evaluation: >= Middle })
            {
                return;
            }
        }
        throw new InvalidOperationException($"job {id} ended before its middle");
    }

    /// <summary>Pauses or resumes the worker of a role.</summary>
    public async Task OperateAsync(string role, bool pause)
    {
        ListWorkersResponse workers = await gateway.Workers.ListAsync(new ListWorkersRequest(), deadline: Deadline);
        var named = new WorkerRequest { Id = workers.Workers.Single(worker => worker.Role == role).Id };
        if (pause)
        {
            await gateway.Workers.PauseAsync(named, RunningProgram.Operator, Deadline);
        }
        else
        {
            await gateway.Workers.ResumeAsync(named, RunningProgram.Operator, Deadline);
        }
    }

    /// <summary>Writes the gateway's answers about the ended jobs, before any process is killed.</summary>
    public async Task WriteAnswersAsync(string output)
    {
        ListJobsResponse listed = await gateway.Generation.ListAsync(new ListJobsRequest { PageSize = 1000 }, deadline: Deadline);
        HashSet<string> ended = [.. _jobs.Where(job => job.State == "ended").Select(job => job.Id)];
        var response = new ListJobsResponse { Jobs = { listed.Jobs.Where(job => ended.Contains(job.Id)) } };
        await File.WriteAllBytesAsync(Path.Combine(output, "jobs.pb"), response.ToByteArray());
        await using FileStream events = File.Create(Path.Combine(output, "events.pb"));
        foreach (string id in ended)
        {
            using AsyncServerStreamingCall<JobEvent> call = gateway.Generation.Watch(new WatchJobRequest { Id = id }, deadline: Deadline);
            await foreach (JobEvent item in call.ResponseStream.ReadAllAsync())
            {
                item.WriteDelimitedTo(events);
            }
        }
        await File.WriteAllBytesAsync(Path.Combine(output, "repeated.pb"), Requests["text-to-image"].ToByteArray());
        await using FileStream uploaded = File.Create(Path.Combine(output, "uploads.pb"));
        foreach (UploadedImage upload in _uploads)
        {
            upload.WriteDelimitedTo(uploaded);
        }
    }

    /// <summary>Writes the list of jobs.</summary>
    public Task WriteJobsAsync(string output) => SavedJson.WriteAsync(Path.Combine(output, "jobs.json"), _jobs);

    private string ImageWriter(string name) => Path.Combine(repository, "tests", "Golden.Tests", "Data", "images", name);

    private async Task<string> UploadAsync(string name)
    {
        using AsyncClientStreamingCall<UploadChunk, UploadedImage> call = gateway.Generation.Upload(deadline: Deadline);
        await call.RequestStream.WriteAsync(new UploadChunk { Data = ByteString.CopyFrom(await File.ReadAllBytesAsync(ImageWriter(name))) });
        await call.RequestStream.CompleteAsync();
        UploadedImage upload = await call.ResponseAsync;
        _uploads.Add(upload);
        return upload.Id;
    }

    private async Task<Job> SubmitAsync(GenerateRequest request) => await gateway.Generation.SubmitAsync(request, deadline: Deadline);

    private async Task<string> SubmitJsonAsync()
    {
        using var http = new HttpClient();
        using var body = new StringContent(SavedRequests.Json, Encoding.UTF8, "application/json");
        using HttpResponseMessage answer = await http.PostAsync(new Uri(gateway.HttpAddress + "/v1/jobs"), body);
        string text = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode ? (string)JsonNode.Parse(text)!["id"]! : throw new InvalidOperationException(text);
    }

    private async Task EndedAsync(string id, JobState state)
    {
        using (AsyncServerStreamingCall<JobEvent> call = gateway.Generation.Watch(new WatchJobRequest { Id = id }, deadline: Deadline))
        {
            await foreach (JobEvent _ in call.ResponseStream.ReadAllAsync())
            {
                // Until its end.
            }
        }
        Job job = await gateway.Generation.GetAsync(new GetJobRequest { Id = id }, deadline: Deadline);
        if (job.State != state)
        {
            throw new InvalidOperationException($"job {id} is {job.State}: {job.Error?.Message}");
        }
    }

    /// <summary>No event announces that a stage begins to wait: the job is polled.</summary>
    private async Task WaitsAsync(string id, string stage)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (await timer.WaitForNextTickAsync(deadline.Token))
        {
            Job job = await gateway.Generation.GetAsync(new GetJobRequest { Id = id }, deadline: Deadline);
            Stage? next = job.Stages.FirstOrDefault(candidate => candidate.State != StageState.Done);
            if (job.State == JobState.Queued && next?.Kind == stage)
            {
                return;
            }
            if (job.State is JobState.Done or JobState.Failed)
            {
                throw new InvalidOperationException($"job {id} is {job.State} and does not wait for {stage}: {job.Error?.Message}");
            }
        }
    }
}
