using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Brownian.Hosting;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Records;
using Brownian.Jobs.Services;
using Brownian.V1;
using Brownian.Workers;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Gateway.Tests.Requests;

/// <summary>
/// A refused request or upload leaves no files, however it was sent and whatever the reason; an accepted one is stored once.
/// </summary>
public sealed class RefusalTests(RealServers servers) : IAsyncDisposable
{
    private const string Memory = "in memory", Folder = "in a folder", Cluster = "in a cluster";

    private readonly Stubs _stubs = new();
    private readonly TemporaryFolder _data = new();
    private readonly RecordedStores _stores = new();
    private RedisServer? _redis;

    public static TheoryData<string> Forms => [Memory, Folder, Cluster];

    private static Gateway.Uploads.Uploader Local { get; } = new(Jobs.Access.Caller.Anonymous, "127.0.0.1");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task Refused_requests_leave_no_files(string form)
    {
        string model = _stubs.AddUpscaler();
        await using Node node = await StartAsync(form, model);
        string image = Stubs.DataUrl(Stubs.Png());
        var kinds = new Dictionary<string, Action<GenerateRequest>>
        {
            ["unknown model"] = request => request.Model = "nobody",
            ["bad field"] = request => request.Noise = "dice",
            ["bad field of the job"] = request => request.Priority = "urgent",
            ["a second picture that is none"] = request => request.Mask = Stubs.DataUrl([1, 2, 3]),
            ["a picture that is not base64"] = request => request.InitImage = "data:image/png;base64,?",
            ["an upload that is not there"] = request => request.Mask = "up_" + new string('0', 32),
        };
        IReadOnlyList<string> before = _stores.Held;
        foreach ((string kind, Action<GenerateRequest> change) in kinds)
        {
            GenerateRequest request = Stubs.Upscale(model, image);
            change(request);
            await RefusedAsync(node, request, kind);
        }
        // Larger than a message may be.
        GenerateRequest large = Stubs.Upscale(model, Stubs.DataUrl(Stubs.Png(side: 1200)));
        RpcException refused = await Assert.ThrowsAsync<RpcException>(
            async () => await node.Client.Generation.SubmitAsync(large, cancellationToken: Stop));
        Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
        using HttpResponseMessage posted = await node.Http.PostAsJsonAsync(
            "/v1/jobs", new JsonObject { ["model"] = model, ["task"] = "upscale", ["init_image"] = large.InitImage }, Stop);
        Assert.Equal(HttpStatusCode.BadRequest, posted.StatusCode);
        Assert.Equal(before, _stores.Held);
        Assert.Empty(_stores.Artifacts.Stored);
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task Requests_and_uploads_to_a_full_store_are_refused_and_leave_no_files(string form)
    {
        string model = _stubs.AddUpscaler();
        await using Node node = await StartAsync(form, new AdmissionLimits { FullestStore = 0 }, model);
        await RefusedAsync(node, Stubs.Upscale(model, Stubs.DataUrl(Stubs.Png())), "full store", StatusCode.ResourceExhausted);
        await UploadsRefusedAsync(node, Stubs.Png(), "full store", StatusCode.ResourceExhausted);
        Assert.Empty(_stores.Held);
        Assert.Empty(_stores.Artifacts.Stored);
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task Requests_over_the_job_limit_are_refused_and_leave_no_files(string form)
    {
        string model = _stubs.AddUpscaler();
        await using Node node = await StartAsync(form, new AdmissionLimits { MaxJobs = 0 }, model);
        await RefusedAsync(node, Stubs.Upscale(model, Stubs.DataUrl(Stubs.Png())), "too many jobs", StatusCode.ResourceExhausted,
            isDirectRefused: false);
        Assert.Empty(_stores.Held);
        Assert.Empty(_stores.Artifacts.Stored);
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task A_repeated_idempotency_key_stores_its_image_once_and_a_conflicting_request_none(string form)
    {
        string model = _stubs.AddUpscaler();
        await using Node node = await StartAsync(form, model);
        GenerateRequest request = Stubs.Upscale(model, Stubs.DataUrl(Stubs.Png()));
        request.IdempotencyKey = Guid.NewGuid().ToString("n");
        Job[] jobs = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(_ => node.Client.Generation.SubmitAsync(request, cancellationToken: Stop).ResponseAsync));
        await EndAsync(node, Assert.Single(jobs.Select(job => job.Id).Distinct()));
        await Eventually.TrueAsync(() => Task.FromResult(_stores.Blobs.Jobs.Count == 0), "the job's tensors are removed");
        IReadOnlyList<string> before = _stores.Held;
        Assert.Single(before, file => file.StartsWith("up_", StringComparison.Ordinal));
        int stored = _stores.Artifacts.Stored.Count;

        await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop);
        request.InitImage = Stubs.DataUrl(Stubs.Png(seed: 2));
        await RefusedAsync(node, request, "wrong idempotency key", StatusCode.AlreadyExists, isDirectRefused: false);

        Assert.Equal(before, _stores.Held);
        Assert.Equal(stored, _stores.Artifacts.Stored.Count);
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task A_submission_whose_image_cannot_be_stored_leaves_no_files_and_frees_its_key(string form)
    {
        string model = _stubs.AddUpscaler();
        await using Node node = await StartAsync(form, model);
        GenerateRequest request = Stubs.Upscale(model, Stubs.DataUrl(Stubs.Png()));
        request.IdempotencyKey = Guid.NewGuid().ToString("n");
        _stores.Artifacts.Fails = id => id.StartsWith("up_", StringComparison.Ordinal);
        await RefusedAsync(node, request, "a store that fails", StatusCode.Unavailable, isDirectRefused: false);
        await UploadsRefusedAsync(node, Stubs.Png(), "a store that fails", StatusCode.Unavailable);
        Assert.Empty(_stores.Held);

        _stores.Artifacts.Fails = _ => false;
        Assert.Equal(JobState.Done, (await EndAsync(node, (await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop)).Id)).State);
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task A_submission_sent_again_stores_the_file_that_a_killed_gateway_had_not_stored(string form)
    {
        string model = _stubs.AddUpscaler();
        await using Node node = await StartAsync(form, model);
        GenerateRequest request = Stubs.Upscale(model, Stubs.DataUrl(Stubs.Png()));
        request.IdempotencyKey = Guid.NewGuid().ToString("n");
        // The state that a gateway leaves that is killed after it wrote the job: the job's definition without its file.
        Gateway.Requests.RequestService requests = node.Services.GetRequiredService<Gateway.Requests.RequestService>();
        JobService jobService = node.Services.GetRequiredService<JobService>();
        (JobDefinition left, _) =
            await requests.DefineAsync(Gateway.Requests.RequestMessages.Read(request, jobService.Now, []), Local, isDirect: false, [], Stop);
        Assert.Null(await node.Services.GetRequiredService<IJobStore>().CreateAsync(new StoredJob(left, JobRules.Submit(jobService.Now), 1), Stop));

        Job resent = await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop);

        Assert.Equal(left.Id, resent.Id);
        Assert.Equal(JobState.Done, (await EndAsync(node, resent.Id)).State);
        Assert.Equal(left.Files, _stores.Artifacts.Stored.Where(id => id.StartsWith("up_", StringComparison.Ordinal)));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task The_files_of_a_submission_that_is_never_confirmed_are_removed(string form)
    {
        string model = _stubs.AddUpscaler();
        await using Node node = await StartAsync(form, model);
        Gateway.Requests.RequestService requests = node.Services.GetRequiredService<Gateway.Requests.RequestService>();
        JobService jobService = node.Services.GetRequiredService<JobService>();
        (JobDefinition left, Gateway.Requests.RequestFiles files) = await requests.DefineAsync(
            Gateway.Requests.RequestMessages.Read(Stubs.Upscale(model, Stubs.DataUrl(Stubs.Png())), jobService.Now, []), Local, isDirect: false,
            [], Stop);
        left = left with { Created = jobService.Now - TimeSpan.FromHours(1) };
        JobFile file = Assert.Single(files.Own);
        await _stores.Artifacts.PutAsync(file.Id, file.Bytes, TimeSpan.FromDays(1), Stop);
        Assert.Null(await node.Services.GetRequiredService<IJobStore>().CreateAsync(new StoredJob(left, JobRules.Submit(left.Created), 1), Stop));
        await Eventually.TrueAsync(() => Task.FromResult(_stores.Held.Count == 0), "the files are removed");
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task Concurrent_jobs_that_name_one_upload_end_done_without_storing_it_again(string form)
    {
        string model = _stubs.AddUpscaler();
        await using Node node = await StartAsync(form, model);
        UploadedImage image = await node.Client.UploadAsync(new MemoryStream(Stubs.Png()), Stop);
        Job[] jobs = await Task.WhenAll(
            Enumerable.Range(0, 16).Select(
                _ => node.Client.Generation.SubmitAsync(Stubs.Upscale(model, image.Id), cancellationToken: Stop).ResponseAsync));
        foreach (Job job in jobs)
        {
            Assert.Equal(JobState.Done, (await EndAsync(node, job.Id)).State);
        }
        Assert.Single(_stores.Artifacts.Stored, id => id == image.Id);
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task A_direct_call_with_an_image_of_its_own_stores_only_its_result(string form)
    {
        string model = _stubs.AddUpscaler();
        await using Node node = await StartAsync(form, model);
        GenerateRequest request = Stubs.Upscale(model, Stubs.DataUrl(Stubs.Png()));
        request.Direct = true;
        Artifact made = (await ReadAsync(node, request)).Single(item => item.Artifact is not null).Artifact;
        Assert.All(_stores.Artifacts.Stored, id => Assert.StartsWith(made.Id, id, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task A_retry_uses_the_jobs_image_and_is_refused_when_the_image_is_removed(string form)
    {
        string model = _stubs.AddUpscaler();
        await using Node node = await StartAsync(form, model);
        UploadedImage image = await node.Client.UploadAsync(new MemoryStream(Stubs.Png()), Stop);
        foreach (string named in (string[])[image.Id, Stubs.DataUrl(Stubs.Png(seed: 3))])
        {
            StageWorker decoder = node.Services.GetServices<StageWorker>().Single(worker => worker.Role == WorkerRole.VaeDecoder);
            Job job = await StoppedAsync(node, decoder, Stubs.Upscale(model, named));
            Job again = await node.Client.Generation.RetryAsync(new RetryJobRequest { Id = job.Id }, cancellationToken: Stop);
            Assert.Equal(JobState.Done, (await EndAsync(node, again.Id)).State);

            StoredJob stored = (await node.Services.GetRequiredService<IJobStore>().FindAsync(again.Id, Stop))!;
            string file = Assert.Single(stored.Definition.Uploads);
            await _stores.Artifacts.RemoveAsync(file, Stop);
            RpcException refused = await Assert.ThrowsAsync<RpcException>(
                async () => await node.Client.Generation.RetryAsync(new RetryJobRequest { Id = job.Id }, cancellationToken: Stop));
            Assert.Equal(StatusCode.FailedPrecondition, refused.StatusCode);
            Assert.Contains(file, refused.Status.Detail, StringComparison.Ordinal);
            Assert.DoesNotContain(
                (await node.Client.Generation.ListAsync(
                    new ListJobsRequest { Model = model, States = { JobState.Abandoned } }, cancellationToken: Stop)).Jobs, _ => true);
        }
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task Uploads_over_a_bound_are_refused_with_the_bound_and_the_time_to_retry_and_leave_no_files(string form)
    {
        string model = _stubs.AddUpscaler();
        byte[] png = Stubs.Png();
        // The addresses are those that a trusted proxy adds.
        await using Node node = await StartAsync(
            form, [$"MaxUploadBytesPerAddress={(2 * png.Length) + 10}", "MaxUploadsPerAddress=3", $"MaxUploadBytes={(3 * png.Length) + 10}",
                "TrustedProxies:0=127.0.0.0/8"], null, model);
        await UploadAsync(node, png, "192.0.2.1");
        UploadPartResponse begun = await node.Client.Generation.UploadPartAsync(
            new UploadPartRequest { Data = ByteString.CopyFrom(png, 0, 100) }, From("192.0.2.1"), cancellationToken: Stop);
        UploadPartResponse ended = await node.Client.Generation.UploadPartAsync(
            new UploadPartRequest { UploadId = begun.UploadId, Offset = 100, Data = ByteString.CopyFrom(png, 100, png.Length - 100), Last = true },
                From("192.0.2.1"), cancellationToken: Stop);
        IReadOnlyList<string> before = _stores.Held;
        Assert.Equal(2, _stores.Ledger.Held.Count);
        Assert.Contains(ended.Image.Id + " " + png.Length, _stores.Ledger.Held);

        await UploadsRefusedAsync(node, png, "MaxUploadBytesPerAddress", StatusCode.ResourceExhausted, "192.0.2.1");
        Assert.Equal(before, _stores.Held);
        await UploadAsync(node, png, "2001:db8::1");
        before = _stores.Held;
        await UploadsRefusedAsync(node, png, "MaxUploadBytes)", StatusCode.ResourceExhausted, "2001:db8:0:1::1");
        Assert.Equal(before, _stores.Held);
        await UploadsRefusedAsync(node, [.. png, .. new byte[2 * png.Length]], "MaxUploadBytesPerAddress", StatusCode.InvalidArgument, "192.0.2.7");
        await UploadsRefusedAsync(node, "no image"u8.ToArray(), "is not an image", StatusCode.InvalidArgument, "192.0.2.7");
        Assert.Equal(before, _stores.Held);
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task An_upload_in_parts_is_removed_when_it_is_no_image_and_kept_when_a_part_is_misplaced(string form)
    {
        await using Node node = await StartAsync(form, _stubs.AddUpscaler());
        UploadPartResponse begun = await node.Client.Generation.UploadPartAsync(
            new UploadPartRequest { Data = ByteString.CopyFrom(1, 2, 3) }, cancellationToken: Stop);
        IReadOnlyList<string> before = _stores.Held;
        Assert.NotEmpty(before);
        await PartRefusedAsync(offset: 7);
        Assert.Equal(before, _stores.Held);
        await PartRefusedAsync(offset: 3);
        Assert.Empty(_stores.Held);

        async Task PartRefusedAsync(long offset)
        {
            RpcException refused = await Assert.ThrowsAsync<RpcException>(async () => await node.Client.Generation.UploadPartAsync(
                new UploadPartRequest { UploadId = begun.UploadId, Offset = offset, Data = ByteString.CopyFrom(4), Last = true },
                    cancellationToken: Stop));
            Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        }
    }

    [Fact]
    public async Task Concurrent_uploads_are_stored_up_to_the_bound_and_the_others_refused()
    {
        byte[] png = Stubs.Png();
        await using Node node = await StartAsync(Folder, [$"MaxUploadBytesPerAddress={5 * png.Length}"], null, _stubs.AddUpscaler());
        StatusCode[] answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(async _ =>
        {
            try
            {
                await node.Client.UploadAsync(new MemoryStream(png), Stop);
                return StatusCode.OK;
            }
            catch (RpcException refused)
            {
                return refused.StatusCode;
            }
        }));
        Assert.Equal(5, answers.Count(code => code == StatusCode.OK));
        Assert.All(answers, code => Assert.True(code is StatusCode.OK or StatusCode.ResourceExhausted));
        Assert.Equal(5, _stores.Artifacts.Held.Count);
    }

    public async ValueTask DisposeAsync()
    {
        _stubs.Dispose();
        _data.Dispose();
        // The test has a server of its own because the bounds apply to all uploads in a server.
        if (_redis is not null)
        {
            await _redis.DisposeAsync();
        }
    }

    private static Metadata From(string address) => new() { { "x-forwarded-for", address } };

    private static async Task<Job> EndAsync(Node node, string id)
    {
        using AsyncServerStreamingCall<JobEvent> call = node.Client.Generation.Watch(new WatchJobRequest { Id = id }, cancellationToken: Stop);
        while (await call.ResponseStream.MoveNext(Stop))
        {
            // Until it ended.
        }
        return await node.Client.Generation.GetAsync(new GetJobRequest { Id = id }, cancellationToken: Stop);
    }

    private static async Task<List<JobEvent>> ReadAsync(Node node, GenerateRequest request)
    {
        using AsyncServerStreamingCall<JobEvent> call = node.Client.Generation.Generate(request, cancellationToken: Stop);
        var events = new List<JobEvent>();
        await foreach (JobEvent item in call.ResponseStream.ReadAllAsync(Stop))
        {
            events.Add(item);
        }
        return events;
    }

    /// <summary>A job that is cancelled before its worker takes it.</summary>
    private static async Task<Job> StoppedAsync(Node node, StageWorker worker, GenerateRequest request)
    {
        await node.Client.Workers.PauseAsync(new WorkerRequest { Id = worker.Id }, cancellationToken: Stop);
        Job job = await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop);
        await node.Client.Generation.CancelAsync(new CancelJobRequest { Id = job.Id }, cancellationToken: Stop);
        await node.Client.Workers.ResumeAsync(new WorkerRequest { Id = worker.Id }, cancellationToken: Stop);
        return job;
    }

    /// <summary>Sends a request by every call that takes one.</summary>
    private static async Task RefusedAsync(
        Node node, GenerateRequest request, string kind, StatusCode code = StatusCode.InvalidArgument, bool isDirectRefused = true)
    {
        RpcException submitted = await Assert.ThrowsAsync<RpcException>(
            async () => await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop));
        Assert.True(submitted.StatusCode == code, $"{kind}, Submit: {submitted.Status}");
        RpcException generated = await Assert.ThrowsAsync<RpcException>(() => ReadAsync(node, request));
        Assert.True(generated.StatusCode == code, $"{kind}, Generate: {generated.Status}");
        if (isDirectRefused)
        {
            GenerateRequest direct = request.Clone();
            direct.Direct = true;
            RpcException called = await Assert.ThrowsAsync<RpcException>(() => ReadAsync(node, direct));
            Assert.True(called.StatusCode == code, $"{kind}, direct: {called.Status}");
        }
        using HttpResponseMessage posted = await node.Http.PostAsync(
            "/v1/jobs", new StringContent(
                new JsonFormatter(JsonFormatter.Settings.Default.WithPreserveProtoFieldNames(true)).Format(request), System.Text.Encoding.UTF8,
                    "application/json"), Stop);
        HttpStatusCode expected = code switch
        {
            StatusCode.ResourceExhausted => HttpStatusCode.TooManyRequests,
            StatusCode.AlreadyExists => HttpStatusCode.Conflict,
            StatusCode.Unavailable => HttpStatusCode.ServiceUnavailable,
            _ => HttpStatusCode.BadRequest,
        };
        Assert.True(posted.StatusCode == expected, $"{kind}, JSON: {posted.StatusCode} {await posted.Content.ReadAsStringAsync(Stop)}");
    }

    /// <summary>Sends a file by every call that takes one.</summary>
    private static async Task UploadsRefusedAsync(Node node, byte[] file, string says, StatusCode code, string address = "192.0.2.9")
    {
        RpcException whole = await Assert.ThrowsAsync<RpcException>(() => UploadAsync(node, file, address));
        RpcException part = await Assert.ThrowsAsync<RpcException>(async () => await node.Client.Generation.UploadPartAsync(
            new UploadPartRequest { Data = ByteString.CopyFrom(file), Last = true }, From(address), cancellationToken: Stop));
        using var post = new HttpRequestMessage(
            HttpMethod.Post, "/v1/uploads")
        {
            Content = JsonContent.Create(
                new JsonObject { ["data"] = Convert.ToBase64String(file), ["last"] = true })
        };
        post.Headers.Add("X-Forwarded-For", address);
        using HttpResponseMessage posted = await node.Http.SendAsync(post, Stop);
        string json = await posted.Content.ReadAsStringAsync(Stop);
        Assert.All((RpcException[])[whole, part], refused => Assert.Equal(code, refused.StatusCode));
        Assert.Equal((int)code, (int)JsonNode.Parse(json)!["code"]!);
        if (code == StatusCode.ResourceExhausted && says.StartsWith("Max", StringComparison.Ordinal))
        {
            Assert.All((RpcException[])[whole, part], refused => Assert.Contains(says, refused.Status.Detail, StringComparison.Ordinal));
            Assert.All((RpcException[])[whole, part], refused => Assert.InRange(
                refused.GetRpcStatus()!.GetDetail<Google.Rpc.RetryInfo>()!.RetryDelay.ToTimeSpan(), TimeSpan.FromHours(23), TimeSpan.FromHours(24)));
            Assert.Equal(HttpStatusCode.TooManyRequests, posted.StatusCode);
            Assert.Contains("retryDelay", json, StringComparison.Ordinal);
        }
    }

    private static async Task<UploadedImage> UploadAsync(Node node, byte[] file, string address)
    {
        using AsyncClientStreamingCall<UploadChunk, UploadedImage> call = node.Client.Generation.Upload(From(address), cancellationToken: Stop);
        try
        {
            await call.RequestStream.WriteAsync(new UploadChunk { Data = ByteString.CopyFrom(file) }, Stop);
            await call.RequestStream.CompleteAsync();
        }
        catch (Exception exception) when (exception is RpcException or InvalidOperationException)
        {
            // The gateway may refuse the file before it has received all of it: its answer has the reason.
        }
        return await call.ResponseAsync;
    }

    private Task<Node> StartAsync(string form, params string[] models) => StartAsync(form, [], null, models);

    private Task<Node> StartAsync(string form, AdmissionLimits limits, params string[] models) => StartAsync(form, [], limits, models);

    private async Task<Node> StartAsync(string form, string[] settings, AdmissionLimits? limits, params string[] models)
    {
        string[] stores = form switch
        {
            Memory => ["Ephemeral=true"],
            Folder => ["DataFolder=" + _data.FullPath],
            _ => await servers.SettingsAsync(_redis ??= await RedisServer.StartAsync(Stop)),
        };
        Node node = await Node.StartAsync(
            platform =>
            {
                Node.Everything(platform);
                _stores.Record(platform);
                if (limits is not null)
                {
                    platform.Services.AddSingleton(limits);
                }
            },
            ServiceRole.Gateway,
            [.. _stubs.Settings(models), .. stores, .. settings]);
        RecordedStores.Open(node.Services);
        return node;
    }
}
