using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Brownian.Client;
using Brownian.Formats.Tensors;
using Brownian.Jobs.Artifacts;
using Brownian.Jobs.Blobs;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Records;
using Brownian.V1;
using Brownian.Workers;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Platform.Tests.Services;

/// <summary>The behaviour of the public interface, the same for every store and queue behind it.</summary>
public abstract class ServiceContract : IAsyncLifetime
{
    private readonly Stubs _stubs = new();
    private readonly List<Node> _nodes = [];

    private protected Stubs Models => _stubs;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_request_gives_its_events_and_the_images_of_an_undisturbed_run()
    {
        string model = _stubs.Add();
        Node node = await StartAsync(model);
        GenerateRequest request = Stubs.Request(model, 7);
        request.Seeds.Add(8);
        byte[][] expected = await _stubs.ExpectedAsync(request);

        List<JobEvent> events = await ReadAsync(node.Client.GenerateAsync(request, Stop));

        Assert.Equal(JobEvent.EventOneofCase.Snapshot, events[0].EventCase);
        Assert.Equal(JobEvent.EventOneofCase.Done, events[^1].EventCase);
        Assert.Equal(Enumerable.Range(1, events.Count - 1).Select(id => (long)id), events.Skip(1).Select(item => item.Id));
        Assert.Equal(
            ["encode", "denoise", "decode", "write"], events.Where(item => item.StageStarted is not null).Select(item => item.StageStarted.Stage));
        Assert.Contains(events, item => item.Progress is { Stage: "denoise", Evaluation: 4, Evaluations: 4, Picture: 1, Pictures: 2 });
        byte[][] actual =
            await Task.WhenAll(events.Where(item => item.Artifact is not null).Select(item => node.Client.GetArtifactAsync(item.Artifact.Id, Stop)));
        Assert.Equal(expected, actual);
    }

    [Fact]
    public async Task Requested_previews_are_streamed_and_change_no_byte_of_the_image()
    {
        // Slow enough for a watcher to see a preview before the next one replaces it.
        string model = _stubs.Add(turns: 200_000);
        Node node = await StartAsync(model);
        GenerateRequest request = Stubs.Request(model, 7, steps: 9);
        byte[] expected = (await _stubs.ExpectedAsync(request))[0];
        request.Preview = new V1.Preview { Every = 2, Size = 16 };

        List<JobEvent> events = await ReadAsync(node.Client.GenerateAsync(request, Stop));

        PreviewImage[] previews = [.. events.Where(item => item.Preview is not null).Select(item => item.Preview)];
        Assert.NotEmpty(previews);
        Assert.Equal(previews.Select(preview => preview.Evaluation).Intersect([2, 4, 6, 8]).Order(), previews.Select(preview => preview.Evaluation));
        Assert.All(events.Where(item => item.Preview is not null), item => Assert.Equal((0, events[0].JobId), (item.Id, item.JobId)));
        // They are not events of the job and are deleted at its end.
        Assert.Equal(Enumerable.Range(1, (int)events[^1].Id).Select(id => (long)id), events.Select(item => item.Id).Where(id => id > 0));
        Assert.DoesNotContain(await WatchAsync(node, events[0].JobId, 0), item => item.Preview is not null);
        Assert.Null(await node.Services.GetRequiredService<IJobStore>().FindPreviewAsync(events[0].JobId, 0, Stop));
        Assert.All(previews, preview => Assert.Equal((16, 16), PngSize(preview.Data.Span)));
        Assert.Equal(expected, await node.Client.GetArtifactAsync(events.Single(item => item.Artifact is not null).Artifact.Id, Stop));
        Assert.Contains("preview.every", await FieldsAsync(new V1.Preview { Every = 0 }));

        async Task<string[]> FieldsAsync(V1.Preview preview)
        {
            request.Preview = preview;
            RpcException refused =
                await Assert.ThrowsAsync<RpcException>(async () => await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop));
            return [.. BrownianClient.FaultsOf(refused).Select(fault => fault.Field)];
        }

        static (int Width, int Height) PngSize(ReadOnlySpan<byte> png) =>
            (
                System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(png[16..]),
                System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(png[20..]));
    }

    [Fact]
    public async Task A_direct_call_gives_the_same_bytes_without_a_job()
    {
        string model = _stubs.Add();
        Node node = await StartAsync(model);
        GenerateRequest request = Stubs.Request(model, 7);
        byte[][] expected = await _stubs.ExpectedAsync(request);
        request.Direct = true;

        List<JobEvent> events = await ReadAsync(node.Client.GenerateAsync(request, Stop));

        Artifact artifact = Assert.Single(events, item => item.Artifact is not null).Artifact;
        Assert.Equal(expected[0], await node.Client.GetArtifactAsync(artifact.Id, Stop));
        Assert.Equal(JobEvent.EventOneofCase.Done, events[^1].EventCase);
        RpcException none = await Assert.ThrowsAsync<RpcException>(
            async () => await node.Client.Generation.GetAsync(new GetJobRequest { Id = events[0].JobId }, cancellationToken: Stop));
        Assert.Equal(StatusCode.NotFound, none.StatusCode);
    }

    [Fact]
    public async Task A_direct_call_with_a_subseed_gives_the_same_bytes_as_a_run_in_process()
    {
        string model = _stubs.Add();
        Node node = await StartAsync(model);
        GenerateRequest request = Stubs.Request(model, 7);
        byte[][] plain = await _stubs.ExpectedAsync(request);
        (request.Subseed, request.SubseedStrength) = (9, 0.5);
        byte[][] expected = await _stubs.ExpectedAsync(request);
        Assert.NotEqual(plain[0], expected[0]);
        request.Direct = true;

        List<JobEvent> events = await ReadAsync(node.Client.GenerateAsync(request, Stop));

        Artifact artifact = Assert.Single(events, item => item.Artifact is not null).Artifact;
        Assert.Equal(expected[0], await node.Client.GetArtifactAsync(artifact.Id, Stop));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_failed_stage_names_its_graph_without_the_path_of_the_models(bool direct)
    {
        string model = _stubs.Add();
        Node node = await StartAsync(model);
        // Finite numbers that the decoder's scaling makes infinite.
        string file = _stubs.Combine("huge.npy");
        NpyFile.Write(file, new Formats.Tensors.Tensor(Enumerable.Repeat(3e38f, 4 * 4 * 4).ToArray(), [1, 4, 4, 4]));
        GenerateRequest request = Stubs.Request(model, 7, steps: 2);
        request.InitLatents = "data:application/octet-stream;base64," + Convert.ToBase64String(await File.ReadAllBytesAsync(file, Stop));
        (request.Strength, request.Direct) = (0.5, direct);

        string message;
        try
        {
            message = (await ReadAsync(node.Client.GenerateAsync(request, Stop)))[^1].Failed.Error.Message;
        }
        catch (RpcException exception)
        {
            message = exception.Status.Detail;
        }

        Assert.Contains($" {model}/vae_decoder/model.onnx", message, StringComparison.Ordinal);
        Assert.DoesNotContain(_stubs.Combine(""), message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_field_without_effect_produces_a_warning(bool direct)
    {
        string model = _stubs.Add();
        Node node = await StartAsync(model);
        GenerateRequest request = Stubs.Request(model, 7);
        (request.GuidanceScale, request.NegativePrompt, request.Direct) = (1, "b", direct);

        List<JobEvent> events = await ReadAsync(node.Client.GenerateAsync(request, Stop));

        string warning = Assert.Single(events, item => item.Warning is not null).Warning.Message;
        Assert.Equal("negative_prompt has no effect: guidance_scale is 1; guidance requires a value above 1", warning);
        if (!direct)
        {
            Job job = await node.Client.Generation.GetAsync(new GetJobRequest { Id = events[0].JobId }, cancellationToken: Stop);
            Assert.Equal([warning], job.Warnings);
        }
    }

    [Fact]
    public async Task A_request_with_many_faults_is_refused_with_every_fault_and_its_field()
    {
        string model = _stubs.Add();
        Node node = await StartAsync(model);
        var request = new GenerateRequest
        {
            Model = model,
            Prompt = new string('a', 1 << 20),
            Steps = 10_001,
            Width = 33,
            GuidanceScale = -1,
            Noise = "dice",
            Priority = "urgent",
            InitImage = "up_1",
            Deadline = Timestamp.FromDateTime(DateTime.UnixEpoch),
            IdempotencyKey = new string('k', 257),
        };

        RpcException refused =
            await Assert.ThrowsAsync<RpcException>(async () => await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop));

        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        string[] fields = [.. BrownianClient.FaultsOf(refused).Select(fault => fault.Field)];
        Assert.Equal(
            ["deadline", "guidance_scale", "idempotency_key", "noise", "priority", "prompt", "steps"],
            fields.Where(field => field is not ("init_image" or "width")).Order());
        Assert.Empty((await node.Client.Generation.ListAsync(new ListJobsRequest { Model = model }, cancellationToken: Stop)).Jobs);
    }

    [Fact]
    public async Task An_impossible_size_a_field_of_another_family_and_an_unknown_model_are_refused_by_field()
    {
        string model = _stubs.Add();
        Node node = await StartAsync(model);

        Assert.Contains("width", await FieldsAsync(request => request.Width = 33));
        Assert.Contains("init_image", await FieldsAsync(request => request.InitImage = "up_1"));
        Assert.Contains(
            "scheduler", await FieldsAsync(request => request.Scheduler = new Struct { Fields = { ["_class_name"] = Value.ForString("Nobody") } }));
        Assert.Contains("model", await FieldsAsync(request => request.Model = "../" + model));
        Assert.Contains("model", await FieldsAsync(request => request.Models.Add(model)));

        async Task<string[]> FieldsAsync(Action<GenerateRequest> change)
        {
            GenerateRequest request = Stubs.Request(model, 1);
            change(request);
            RpcException refused =
                await Assert.ThrowsAsync<RpcException>(async () => await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop));
            Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
            return [.. BrownianClient.FaultsOf(refused).Select(fault => fault.Field)];
        }
    }

    [Fact]
    public async Task An_idempotency_key_gives_one_job_and_is_refused_for_another_request()
    {
        string model = _stubs.Add();
        Node node = await StartAsync(model);
        GenerateRequest request = Stubs.Request(model, 1);
        request.IdempotencyKey = Guid.NewGuid().ToString("n");

        Job[] jobs = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(_ => node.Client.Generation.SubmitAsync(request, cancellationToken: Stop).ResponseAsync));
        request.Steps++;
        RpcException refused =
            await Assert.ThrowsAsync<RpcException>(async () => await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop));

        Assert.Single(jobs.Select(job => job.Id).Distinct());
        Assert.Equal(StatusCode.AlreadyExists, refused.StatusCode);
        Assert.Contains(jobs[0].Id, refused.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Jobs_are_listed_by_page_state_and_label_and_watched_from_any_event()
    {
        string model = _stubs.Add();
        Node node = await StartAsync(model);
        var ids = new List<string>();
        for (int i = 0; i < 5; i++)
        {
            GenerateRequest request = Stubs.Request(model, (ulong)i);
            request.Labels["user"] = i % 2 == 0 ? "even" : "odd";
            ids.Add((await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop)).Id);
        }
        foreach (string id in ids)
        {
            await EndAsync(node, id);
        }

        var seen = new List<string>();
        string token = "";
        do
        {
            ListJobsResponse page = await node.Client.Generation.ListAsync(
                new ListJobsRequest { Model = model, PageSize = 2, PageToken = token }, cancellationToken: Stop);
            Assert.InRange(page.Jobs.Count, 1, 2);
            seen.AddRange(page.Jobs.Select(job => job.Id));
            token = page.NextPageToken;
        }
        while (token.Length > 0);
        Assert.Equal(ids.AsEnumerable().Reverse(), seen);
        ListJobsResponse odd = await node.Client.Generation.ListAsync(
            new ListJobsRequest { Model = model, Labels = { ["user"] = "odd" }, States = { JobState.Done } }, cancellationToken: Stop);
        Assert.Equal([ids[3], ids[1]], odd.Jobs.Select(job => job.Id));
        Assert.Empty(
            (await node.Client.Generation.ListAsync(new ListJobsRequest { Model = model, States = { JobState.Failed } }, cancellationToken: Stop))
                .Jobs);

        List<JobEvent> all = await WatchAsync(node, ids[0], 0);
        Assert.NotNull(all[0].Snapshot);
        for (int known = 1; known < all.Count; known += 3)
        {
            List<JobEvent> rest = await WatchAsync(node, ids[0], known);
            Assert.NotNull(rest[0].Snapshot);
            Assert.Equal(all.Where(item => item.Id > known), rest.Skip(1));
        }
    }

    [Fact]
    public async Task Cancelling_a_job_reports_in_every_state_whether_it_was_cancelled()
    {
        string model = _stubs.Add(turns: 100_000);
        Node node = await StartAsync(model);

        // Running.
        Job running = await node.Client.Generation.SubmitAsync(Stubs.Request(model, 1, steps: 500), cancellationToken: Stop);
        await UntilAsync(node, running.Id, item => item.Progress is { Stage: "denoise" });
        // Queued, because the only denoiser is busy.
        Job queued = await node.Client.Generation.SubmitAsync(Stubs.Request(model, 2, steps: 500), cancellationToken: Stop);
        CancelJobResponse first = await node.Client.Generation.CancelAsync(new CancelJobRequest { Id = queued.Id }, cancellationToken: Stop);
        CancelJobResponse second = await node.Client.Generation.CancelAsync(new CancelJobRequest { Id = running.Id }, cancellationToken: Stop);
        Assert.True(first.Cancelled && second.Cancelled);
        Assert.Equal(JobState.Cancelled, second.Job.State);
        // A second time, and after the job is done.
        Assert.False((await node.Client.Generation.CancelAsync(new CancelJobRequest { Id = running.Id }, cancellationToken: Stop)).Cancelled);
        Job done = await EndAsync(node, (await node.Client.Generation.SubmitAsync(Stubs.Request(model, 3, steps: 2), cancellationToken: Stop)).Id);
        CancelJobResponse late = await node.Client.Generation.CancelAsync(new CancelJobRequest { Id = done.Id }, cancellationToken: Stop);
        Assert.False(late.Cancelled);
        Assert.Equal(JobState.Done, late.Job.State);
        RpcException none = await Assert.ThrowsAsync<RpcException>(
            async () => await node.Client.Generation.CancelAsync(new CancelJobRequest { Id = new string('0', 32) }, cancellationToken: Stop));
        Assert.Equal(StatusCode.NotFound, none.StatusCode);
        List<JobEvent> events = await WatchAsync(node, running.Id, 0);
        Assert.NotNull(events[^1].Cancelled);
        Assert.Single(events, item => item.Cancelled is not null);
    }

    [Fact]
    public async Task A_cancelled_job_can_be_retried_with_its_seeds()
    {
        string model = _stubs.Add(turns: 50_000);
        Node node = await StartAsync(model);
        GenerateRequest request = Stubs.Request(model, 0, steps: 6);
        request.Seeds.Clear();
        Job job = await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop);
        await node.Client.Generation.CancelAsync(new CancelJobRequest { Id = job.Id }, cancellationToken: Stop);

        Job again = await EndAsync(node, (await node.Client.Generation.RetryAsync(new RetryJobRequest { Id = job.Id }, cancellationToken: Stop)).Id);

        Assert.Equal(JobState.Done, again.State);
        Assert.Equal(job.Id, again.RetryOf);
        Assert.Equal((ulong)job.Request.Fields["seeds"].ListValue.Values[0].NumberValue, again.Artifacts[0].Seed);
        RpcException refused = await Assert.ThrowsAsync<RpcException>(
            async () => await node.Client.Generation.RetryAsync(new RetryJobRequest { Id = again.Id }, cancellationToken: Stop));
        Assert.Equal(StatusCode.FailedPrecondition, refused.StatusCode);
    }

    [Fact]
    public async Task A_client_that_disconnects_cancels_its_job_unless_it_is_detached_or_shared()
    {
        string model = _stubs.Add(turns: 50_000);
        Node node = await StartAsync(model);
        string left = await LeaveAsync(detach: false);
        Assert.Equal(JobState.Cancelled, (await EndAsync(node, left)).State);
        string detached = await LeaveAsync(detach: true);
        Assert.Equal(JobState.Done, (await EndAsync(node, detached)).State);
        GenerateRequest first = Stubs.Request(model, 1, steps: 12);
        first.IdempotencyKey = Guid.NewGuid().ToString("n");
        using AsyncServerStreamingCall<JobEvent> stays = node.Client.Generation.Generate(first, cancellationToken: Stop);
        await stays.ResponseStream.MoveNext(Stop);
        string shared = await LeaveAsync(detach: false, first.IdempotencyKey);
        Assert.Equal(shared, stays.ResponseStream.Current.JobId);
        Assert.Equal(JobState.Done, (await EndAsync(node, shared)).State);

        async Task<string> LeaveAsync(bool detach, string? key = null)
        {
            GenerateRequest request = Stubs.Request(model, 1, steps: detach || key is not null ? 12 : 900);
            request.Detach = detach;
            if (key is not null)
            {
                request.IdempotencyKey = key;
            }
            using AsyncServerStreamingCall<JobEvent> call = node.Client.Generation.Generate(request, cancellationToken: Stop);
            await foreach (JobEvent item in call.ResponseStream.ReadAllAsync(Stop))
            {
                if (item.Progress is { Stage: "denoise" })
                {
                    return item.JobId;
                }
            }
            throw new InvalidOperationException("The stream ended");
        }
    }

    [Fact]
    public async Task A_passed_deadline_fails_a_queued_or_running_job_and_ends_a_call()
    {
        string model = _stubs.Add(turns: 50_000);
        Node node = await StartAsync(model);
        GenerateRequest request = Stubs.Request(model, 1, steps: 900);
        request.Deadline = Timestamp.FromDateTime(DateTime.UtcNow.AddSeconds(1));
        Job running = await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop);
        Job queued = await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop);

        foreach (string id in (string[])[running.Id, queued.Id])
        {
            Job ended = await EndAsync(node, id);
            Assert.Equal(JobState.Failed, ended.State);
            Assert.Equal((int)StatusCode.DeadlineExceeded, ended.Error.Code);
        }
        request.Deadline = null;
        string? called = null;
        JobEvent? last = null;
        Exception? exceeded = await Record.ExceptionAsync(async () =>
        {
            using AsyncServerStreamingCall<JobEvent> call =
                node.Client.Generation.Generate(request, deadline: DateTime.UtcNow.AddSeconds(1), cancellationToken: Stop);
            await foreach (JobEvent item in call.ResponseStream.ReadAllAsync(Stop))
            {
                (last, called) = (item, item.JobId);
            }
        });
        // The gateway may notice the deadline a moment before the client. Then the last event has the error, or the server of the gateway aborts the
        // request before the client's own deadline.
        Assert.True(
            exceeded is RpcException { StatusCode: StatusCode.DeadlineExceeded }
                || exceeded is RpcException { Status.DebugException: IOException { Message: "The request was aborted." } }
                || last?.Failed?.Error.Code == (int)StatusCode.DeadlineExceeded, $"{exceeded} {last}");
        Job gone = await EndAsync(node, called!);
        Assert.Contains(gone.State, (JobState[])[JobState.Failed, JobState.Cancelled]);
    }

    [Fact]
    public async Task A_paused_worker_takes_no_stage_until_it_is_resumed()
    {
        string model = _stubs.Add();
        Node node = await StartAsync(model);
        StageWorker denoiser = WorkerOf(node, WorkerRole.Denoiser);
        Assert.Equal("paused", (await node.Client.Workers.PauseAsync(new WorkerRequest { Id = denoiser.Id }, cancellationToken: Stop)).State);

        Job job = await node.Client.Generation.SubmitAsync(Stubs.Request(model, 1), cancellationToken: Stop);
        await UntilAsync(node, job.Id, item => item.StageCompleted is { Stage: "encode" });
        Assert.Equal(JobState.Queued, (await node.Client.Generation.GetAsync(new GetJobRequest { Id = job.Id }, cancellationToken: Stop)).State);

        Assert.Equal("ready", (await node.Client.Workers.ResumeAsync(new WorkerRequest { Id = denoiser.Id }, cancellationToken: Stop)).State);
        Assert.Equal(JobState.Done, (await EndAsync(node, job.Id)).State);
        RpcException none = await Assert.ThrowsAsync<RpcException>(
            async () => await node.Client.Workers.PauseAsync(new WorkerRequest { Id = "nobody" }, cancellationToken: Stop));
        Assert.Equal(StatusCode.NotFound, none.StatusCode);
    }

    [Fact]
    public async Task Interactive_jobs_start_before_standard_ones_and_those_before_batch_jobs()
    {
        string model = _stubs.Add();
        Node node = await StartAsync(model);
        StageWorker encoder = WorkerOf(node, WorkerRole.TextEncoder);
        await node.Client.Workers.PauseAsync(new WorkerRequest { Id = encoder.Id }, cancellationToken: Stop);
        var ids = new Dictionary<string, string>();
        foreach (string priority in (string[])["batch", "standard", "interactive"])
        {
            GenerateRequest request = Stubs.Request(model, 1);
            request.Priority = priority;
            ids[priority] = (await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop)).Id;
        }
        await node.Client.Workers.ResumeAsync(new WorkerRequest { Id = encoder.Id }, cancellationToken: Stop);

        var taken = new Dictionary<string, DateTimeOffset>();
        foreach ((string priority, string id) in ids)
        {
            await EndAsync(node, id);
            taken[priority] = (await WatchAsync(node, id, 0)).First(item => item.StageStarted is { Stage: "encode" }).Time.ToDateTimeOffset();
        }
        Assert.True(taken["interactive"] <= taken["standard"] && taken["standard"] <= taken["batch"]);
    }

    [Fact]
    public async Task Uploads_in_one_stream_or_in_parts_are_stored_and_other_data_than_images_is_refused()
    {
        string model = _stubs.Add();
        Node node = await StartAsync(model);
        byte[] png = (await _stubs.ExpectedAsync(Stubs.Request(model, 1)))[0];

        UploadedImage whole = await node.Client.UploadAsync(new MemoryStream(png), Stop);
        UploadPartResponse begun =
            await node.Client.Generation.UploadPartAsync(new UploadPartRequest { Data = ByteString.CopyFrom(png, 0, 100) }, cancellationToken: Stop);
        RpcException misplaced = await Assert.ThrowsAsync<RpcException>(async () => await node.Client.Generation.UploadPartAsync(
            new UploadPartRequest { UploadId = begun.UploadId, Offset = 50, Data = ByteString.CopyFrom(1) }, cancellationToken: Stop));
        UploadPartResponse ended = await node.Client.Generation.UploadPartAsync(
            new UploadPartRequest { UploadId = begun.UploadId, Offset = 100, Data = ByteString.CopyFrom(png, 100, png.Length - 100), Last = true },
            cancellationToken: Stop);
        RpcException text =
            await Assert.ThrowsAsync<RpcException>(async () => await node.Client.UploadAsync(new MemoryStream("no image"u8.ToArray()), Stop));
        RpcException large =
            await Assert.ThrowsAsync<RpcException>(async () => await node.Client.UploadAsync(new MemoryStream(new byte[100 << 20]), Stop));

        Assert.Equal(("image/png", (long)png.Length), (whole.MediaType, whole.SizeBytes));
        Assert.Equal(whole.Sha256, ended.Image.Sha256);
        Assert.All((RpcException[])[misplaced, text, large], refused => Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode));
    }

    [Fact]
    public async Task Requests_over_json_give_the_same_jobs_files_and_faults_as_over_grpc()
    {
        string model = _stubs.Add();
        Node node = await StartAsync(model);
        // In the form of the golden cases: nulls, and fields in either of their forms.
        using HttpResponseMessage submitted = await node.Http.PostAsJsonAsync(
            "/v1/jobs",
            new JsonObject
            {
                ["model"] = model,
                ["prompt"] = "ab",
                ["negative_prompt"] = null,
                ["seeds"] = new JsonArray(ulong.MaxValue),
                ["steps"] = 3,
                ["scheduler"] = "euler_a",
                ["eta"] = 0.0,
                ["clip_skip"] = null,
                ["width"] = 32,
                ["height"] = 32,
                ["timesteps"] = null,
            },
            Stop);
        JsonNode job = (await submitted.Content.ReadFromJsonAsync<JsonNode>(Stop))!;
        Assert.True(submitted.IsSuccessStatusCode, job.ToJsonString());
        Job ended = await EndAsync(node, (string)job["id"]!);
        Assert.Equal((JobState.Done, ulong.MaxValue), (ended.State, ended.Artifacts[0].Seed));
        JsonNode got = (await node.Http.GetFromJsonAsync<JsonNode>($"/v1/jobs/{ended.Id}", Stop))!;
        Assert.Equal(
            await node.Client.GetArtifactAsync(ended.Artifacts[0].Id, Stop),
            await node.Http.GetByteArrayAsync($"/v1/artifacts/{ended.Artifacts[0].Id}", Stop));
        Assert.Equal(HttpStatusCode.NotFound, (await node.Http.GetAsync("/v1/artifacts/..%2F..%2Fetc%2Fpasswd", Stop)).StatusCode);
        Assert.Equal("JOB_STATE_DONE", (string)got["state"]!);

        using HttpResponseMessage refused = await node.Http.PostAsJsonAsync(
            "/v1/jobs", new JsonObject { ["model"] = model, ["prompt"] = "ab", ["steps"] = 10_001, ["timesteps"] = "fast99" }, Stop);
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Contains("timesteps", await refused.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
        using HttpResponseMessage garbage =
            await node.Http.PostAsync("/v1/jobs", new StringContent("{\"prompt\": ", System.Text.Encoding.UTF8, "application/json"), Stop);
        Assert.Equal(HttpStatusCode.BadRequest, garbage.StatusCode);
        using HttpResponseMessage unknown = await node.Http.PostAsJsonAsync(
            "/v1/jobs", new JsonObject { ["model"] = model, ["prompt"] = "ab", ["step"] = 3, ["width"] = "wide" }, Stop);
        Assert.Equal(HttpStatusCode.BadRequest, unknown.StatusCode);
        JsonNode faults = JsonNode.Parse(await unknown.Content.ReadAsStringAsync(Stop))!["details"]![0]!["fieldViolations"]!;
        Assert.Equal(["step", "width"], faults.AsArray().Select(fault => (string)fault!["field"]!));
    }

    [Fact]
    public async Task Grpc_web_health_and_reflection_answer()
    {
        string model = _stubs.Add();
        Node node = await StartAsync(model);
        using var web = Grpc.Net.Client.GrpcChannel.ForAddress(
            node.Http.BaseAddress!,
            new Grpc.Net.Client.GrpcChannelOptions
            {
                HttpHandler = new Grpc.Net.Client.Web.GrpcWebHandler(new HttpClientHandler()),
                HttpVersion = HttpVersion.Version11
            });
        Job job = await new V1.Generation.GenerationClient(web).SubmitAsync(Stubs.Request(model, 1), node.Credentials, cancellationToken: Stop);
        using AsyncServerStreamingCall<JobEvent> watch =
            new V1.Generation.GenerationClient(web).Watch(new WatchJobRequest { Id = job.Id }, node.Credentials, cancellationToken: Stop);
        Assert.NotNull((await ReadAsync(watch.ResponseStream.ReadAllAsync(Stop)))[^1].Done);

        using var channel = Grpc.Net.Client.GrpcChannel.ForAddress(node.GrpcAddress);
        Assert.Equal(
            Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus.Serving,
            (await new Grpc.Health.V1.Health.HealthClient(channel).CheckAsync(new Grpc.Health.V1.HealthCheckRequest(), cancellationToken: Stop))
                .Status);
        using var reflection =
            new Grpc.Reflection.V1Alpha.ServerReflection.ServerReflectionClient(channel).ServerReflectionInfo(
                node.Credentials, cancellationToken: Stop);
        await reflection.RequestStream.WriteAsync(new Grpc.Reflection.V1Alpha.ServerReflectionRequest { ListServices = "" }, Stop);
        Assert.True(await reflection.ResponseStream.MoveNext(Stop));
        string[] services = [.. reflection.ResponseStream.Current.ListServicesResponse.Service.Select(service => service.Name)];
        Assert.Superset(
            new HashSet<string>
            {
                "brownian.v1.Generation", "brownian.v1.Models", "brownian.v1.Workers", "brownian.v1.TextEncoder", "brownian.v1.Denoiser",
                "brownian.v1.Vae",
            },
            services.ToHashSet());
    }

    [Fact]
    public async Task A_malformed_message_is_refused_and_later_jobs_still_end_done()
    {
        string model = _stubs.Add();
        Node node = await StartAsync(model);
        node.ExpectErrors("InvalidProtocolBufferException");
        using var http = new HttpClient();
        var garbage = new HttpRequestMessage(HttpMethod.Post, node.GrpcAddress + "/brownian.v1.Generation/Submit")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            // A frame that announces six bytes of a message, which are not one.
            Content =
                new ByteArrayContent([0, 0, 0, 0, 6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]) { Headers = { { "content-type", "application/grpc" } } },
        };
        garbage.Headers.Authorization = node.Http.DefaultRequestHeaders.Authorization;
        using HttpResponseMessage answer = await http.SendAsync(garbage, Stop);
        await answer.Content.ReadAsByteArrayAsync(Stop);
        string? status = answer.TrailingHeaders.TryGetValues("grpc-status", out IEnumerable<string>? values) ? values.Single()
            : answer.Headers.GetValues("grpc-status").Single();
        Assert.NotEqual("0", status);
        Assert.Equal(
            JobState.Done,
            (await EndAsync(node, (await node.Client.Generation.SubmitAsync(Stubs.Request(model, 1), cancellationToken: Stop)).Id)).State);
    }

    [Fact]
    public async Task A_model_without_a_worker_is_listed_as_not_served_and_its_jobs_wait()
    {
        string model = _stubs.Add();
        Node node = await StartAsync(model);
        await node.Client.Workers.DrainAsync(new WorkerRequest { Id = WorkerOf(node, WorkerRole.Denoiser).Id }, cancellationToken: Stop);

        Job job = await node.Client.Generation.SubmitAsync(Stubs.Request(model, 1), cancellationToken: Stop);
        await UntilAsync(node, job.Id, item => item.StageCompleted is { Stage: "encode" });
        Model card = await node.Client.Models.GetAsync(new GetModelRequest { Name = model }, cancellationToken: Stop);
        Assert.False(card.Served);
        Assert.Equal(JobState.Queued, (await node.Client.Generation.GetAsync(new GetJobRequest { Id = job.Id }, cancellationToken: Stop)).State);
        await node.Client.Generation.CancelAsync(new CancelJobRequest { Id = job.Id }, cancellationToken: Stop);
    }

    [Fact]
    public async Task A_lost_result_of_a_stage_is_computed_again()
    {
        string model = _stubs.Add();
        Node node = await StartAsync(model);
        node.ExpectErrors(" is missing or damaged; its stage runs again");
        StageWorker denoiser = WorkerOf(node, WorkerRole.Denoiser);
        await node.Client.Workers.PauseAsync(new WorkerRequest { Id = denoiser.Id }, cancellationToken: Stop);
        GenerateRequest request = Stubs.Request(model, 5);
        Job job = await node.Client.Generation.SubmitAsync(request, cancellationToken: Stop);
        await UntilAsync(node, job.Id, item => item.StageCompleted is { Stage: "encode" });

        await node.Services.GetRequiredService<IBlobStore>().RemoveAsync(job.Id, Stop);
        await node.Client.Workers.ResumeAsync(new WorkerRequest { Id = denoiser.Id }, cancellationToken: Stop);

        Job ended = await EndAsync(node, job.Id);
        Assert.Equal(JobState.Done, ended.State);
        Assert.Equal((await _stubs.ExpectedAsync(request))[0], await node.Client.GetArtifactAsync(ended.Artifacts[0].Id, Stop));
        List<JobEvent> events = await WatchAsync(node, job.Id, 0);
        Assert.Contains(events, item => item.StageReturned is not null);
        Assert.Equal(2, events.Count(item => item.StageStarted is { Stage: "encode" }));
    }

    [Fact]
    public async Task Jobs_and_images_are_deleted_after_their_retention()
    {
        string model = _stubs.Add();
        // Long enough to read the job after its end, on a busy machine too.
        Node node = await StartAsync(["RetentionHours=0.0015"], model);
        Job ended = await EndAsync(node, (await node.Client.Generation.SubmitAsync(Stubs.Request(model, 1), cancellationToken: Stop)).Id);
        Assert.Equal(5400, (ended.ExpireTime - ended.EndTime).ToTimeSpan().TotalMilliseconds, 1.0);

        await Eventually.TrueAsync(
            async () =>
                (await node.Client.Generation.ListAsync(new ListJobsRequest { Model = model }, cancellationToken: Stop)).Jobs.Count == 0,
                "the job is forgotten");
        RpcException gone = await Assert.ThrowsAsync<RpcException>(() => node.Client.GetArtifactAsync(ended.Artifacts[0].Id, Stop));
        Assert.Equal(StatusCode.NotFound, gone.StatusCode);
        Assert.Null(await node.Services.GetRequiredService<IArtifactStore>().GetAsync(ended.Artifacts[0].Id, Stop));
    }

    [Fact]
    public async Task A_submission_over_the_job_limit_is_refused_with_the_time_to_retry()
    {
        string model = _stubs.Add();
        Node node = await StartAsync(["MaxJobs=4"], model);
        await node.Client.Workers.PauseAsync(new WorkerRequest { Id = WorkerOf(node, WorkerRole.TextEncoder).Id }, cancellationToken: Stop);
        var accepted = new List<string>();

        // Jobs of other tests may be there too.
        RpcException refused = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            for (ulong seed = 0; seed < 5; seed++)
            {
                accepted.Add((await node.Client.Generation.SubmitAsync(Stubs.Request(model, seed), cancellationToken: Stop)).Id);
            }
        });

        Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
        Assert.NotNull(refused.GetRpcStatus()?.GetDetail<Google.Rpc.RetryInfo>()?.RetryDelay);
        foreach (string id in accepted)
        {
            await node.Client.Generation.CancelAsync(new CancelJobRequest { Id = id }, cancellationToken: Stop);
        }
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public virtual async ValueTask DisposeAsync()
    {
        foreach (Node node in _nodes)
        {
            await node.DisposeAsync();
        }
        _stubs.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected Task<Node> StartAsync(params string[] models) => StartAsync([], models);

    private protected async Task<Node> StartAsync(string[] settings, params string[] models)
    {
        Node node = await StartNodeAsync([.. _stubs.Settings(models), .. settings]);
        _nodes.Add(node);
        return node;
    }

    private protected abstract Task<Node> StartNodeAsync(string[] settings);

    private protected static StageWorker WorkerOf(Node node, WorkerRole role) =>
        node.Services.GetServices<StageWorker>().Single(worker => worker.Role == role);

    private protected static async Task<List<JobEvent>> ReadAsync(IAsyncEnumerable<JobEvent> events)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        deadline.CancelAfter(Eventually.Deadline);
        var read = new List<JobEvent>();
        await foreach (JobEvent item in events.WithCancellation(deadline.Token))
        {
            read.Add(item);
        }
        return read;
    }

    private protected static Task<List<JobEvent>> WatchAsync(Node node, string id, long after) =>
        ReadAsync(
            node.Client.Generation.Watch(new WatchJobRequest { Id = id, AfterEvent = after }, cancellationToken: Stop)
                .ResponseStream.ReadAllAsync(Stop));

    private protected static async Task<Job> EndAsync(Node node, string id)
    {
        await WatchAsync(node, id, 0);
        return await node.Client.Generation.GetAsync(new GetJobRequest { Id = id }, cancellationToken: Stop);
    }

    private protected static async Task UntilAsync(Node node, string id, Func<JobEvent, bool> isAwaited)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        deadline.CancelAfter(Eventually.Deadline);
        using AsyncServerStreamingCall<JobEvent> call =
            node.Client.Generation.Watch(new WatchJobRequest { Id = id }, cancellationToken: deadline.Token);
        await foreach (JobEvent item in call.ResponseStream.ReadAllAsync(deadline.Token))
        {
            if (isAwaited(item))
            {
                return;
            }
        }
        Assert.Fail("the event never came");
    }
}
