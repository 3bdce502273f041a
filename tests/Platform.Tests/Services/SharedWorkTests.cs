using System.Text;
using Brownian.Client;
using Brownian.Hosting;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Queues;
using Brownian.Models.Plans;
using Brownian.V1;
using Brownian.Workers;
using Google.Protobuf;
using Microsoft.Extensions.DependencyInjection;
using RabbitMQ.Client;

namespace Brownian.Platform.Tests.Services;

/// <summary>Several replicas of a cluster share jobs, caches and gateways.</summary>
public sealed class SharedWorkTests(RealServers servers) : IDisposable
{
    private readonly Stubs _stubs = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task One_prompt_from_fifty_clients_on_two_replicas_is_encoded_once()
    {
        // Its bytes differ from those of other tests' models: the cache identifies models by their bytes, not by their names.
        string model = _stubs.Add(factor: 0.4375f);
        await using Node first = await StartAsync(Node.Everything, ServiceRole.Gateway, model),
        second = await StartAsync(Node.Everything, ServiceRole.Gateway, model);
        using var encodings = new EncodingCounter(model);
        GenerateRequest request = Stubs.Request(model, 1, steps: 1);
        request.GuidanceScale = 1;

        Job[] jobs = await Task.WhenAll(
            Enumerable.Range(0, 50)
                .Select(i => (i % 2 == 0 ? first : second).Client.Generation.SubmitAsync(request, cancellationToken: Stop).ResponseAsync));
        foreach (Job job in jobs)
        {
            Job ended = await EndAsync(first, job.Id);
            Assert.True(ended.State == JobState.Done, ended.ToString());
        }
        Assert.Equal(1, encodings.Computed);
        Assert.Equal(49, encodings.Cached);

        await using Node third = await StartAsync(Node.Everything, ServiceRole.Gateway, model);
        await EndAsync(third, (await third.Client.Generation.SubmitAsync(request, cancellationToken: Stop)).Id);
        Assert.Equal(1, encodings.Computed);
    }

    [Fact]
    public async Task A_job_that_was_submitted_at_one_gateway_is_watched_and_cancelled_at_another()
    {
        string model = _stubs.Add(turns: 50_000);
        await using Node gateway = await StartAsync(platform => Brownian.Gateway.GatewayExtensions.AddGateway(platform), ServiceRole.Gateway, model);
        await using Node everything = await StartAsync(Node.Everything, ServiceRole.Gateway, model);
        Job job = await gateway.Client.Generation.SubmitAsync(Stubs.Request(model, 1, steps: 900), cancellationToken: Stop);

        using Grpc.Core.AsyncServerStreamingCall<JobEvent> call =
            everything.Client.Generation.Watch(new WatchJobRequest { Id = job.Id }, cancellationToken: Stop);
        while (await call.ResponseStream.MoveNext(Stop) && call.ResponseStream.Current.Progress is null)
        {
            // Until it runs.
        }
        Assert.True((await everything.Client.Generation.CancelAsync(new CancelJobRequest { Id = job.Id }, cancellationToken: Stop)).Cancelled);
        Assert.Equal(JobState.Cancelled, (await EndAsync(gateway, job.Id)).State);
        await Eventually.TrueAsync(
            async () =>
                (await gateway.Client.Workers.ListAsync(new ListWorkersRequest(), cancellationToken: Stop))
                    .Workers.Where(worker => worker.Models.Contains(model)).All(worker => worker.Busy == 0),
            "the worker is free again");
    }

    [Fact]
    public async Task A_direct_call_at_a_gateway_without_models_reaches_the_services()
    {
        string model = _stubs.Add();
        await using Node workers = await StartAsync(Node.Workers, ServiceRole.Denoiser, model);
        await using Node gateway = await StartAsync(platform => Brownian.Gateway.GatewayExtensions.AddGateway(platform), ServiceRole.Gateway, model);
        GenerateRequest request = Stubs.Request(model, 9);
        byte[] expected = (await _stubs.ExpectedAsync(request))[0];
        request.Direct = true;

        var events = new List<JobEvent>();
        await foreach (JobEvent item in gateway.Client.GenerateAsync(request, Stop))
        {
            events.Add(item);
        }

        Assert.Contains(events, item => item.Progress is { Stage: "denoise", Evaluation: 4 });
        Assert.Equal(expected, await gateway.Client.GetArtifactAsync(events.Single(item => item.Artifact is not null).Artifact.Id, Stop));
    }

    [Fact]
    public async Task A_call_of_a_full_stage_service_or_with_a_wrong_fingerprint_is_refused()
    {
        string model = _stubs.Add(turns: 200_000);
        await using Node workers = await StartAsync(Node.Workers, ServiceRole.Denoiser, model, "QueuedCalls=0");
        using var channel = Grpc.Net.Client.GrpcChannel.ForAddress(workers.GrpcAddress);
        var denoiser = new V1.Denoiser.DenoiserClient(channel);
        DenoiseRequest request = Request(model);
        using Grpc.Core.AsyncServerStreamingCall<DenoiseEvent> busy = denoiser.Denoise(request, cancellationToken: Stop);
        Assert.True(await busy.ResponseStream.MoveNext(Stop));

        Grpc.Core.RpcException full = await Assert.ThrowsAsync<Grpc.Core.RpcException>(async () =>
        {
            using Grpc.Core.AsyncServerStreamingCall<DenoiseEvent> second = denoiser.Denoise(request, cancellationToken: Stop);
            await second.ResponseStream.MoveNext(Stop);
        });
        Assert.Equal(Grpc.Core.StatusCode.ResourceExhausted, full.StatusCode);
        var encoder = new V1.TextEncoder.TextEncoderClient(channel);
        Grpc.Core.RpcException other = await Assert.ThrowsAsync<Grpc.Core.RpcException>(async () => await encoder.EncodeAsync(
            new EncodeTextRequest { Model = model, ModelFingerprint = new string('0', 64), Prompt = "a" }, cancellationToken: Stop));
        Assert.Equal(Grpc.Core.StatusCode.FailedPrecondition, other.StatusCode);
        Assert.NotEmpty((await encoder.EncodeAsync(new EncodeTextRequest { Model = model, Prompt = "a" }, cancellationToken: Stop)).TokenIds);
    }

    [Fact]
    public async Task A_stage_that_a_worker_cannot_run_is_refused_by_its_field()
    {
        string model = _stubs.Add();
        await using Node node = await StartAsync(platform => platform.AddWorker(WorkerRole.Denoiser), ServiceRole.Denoiser, model);
        using var channel = Grpc.Net.Client.GrpcChannel.ForAddress(node.GrpcAddress);
        var stages = new Stages.StagesClient(channel);
        const string Stage = """{"name":"stage","kind":"KIND","model":"stub","settings":{},"inputs":{"embedding":"encode.prompt"}}""";
        var value = new Tensor { DataType = DataType.Float16, Shape = { 1 }, Data = ByteString.CopyFrom(0, 0) };

        Assert.Equal(["stage_json"], await FieldsAsync(new RunStageRequest { StageJson = "{" }));
        Assert.Equal(["inputs.embedding"], await FieldsAsync(Of(StageKind.Denoise)));
        Assert.Equal(["stage_json.kind"], await FieldsAsync(Of(StageKind.Write, value)));
        Assert.Equal(["inputs.embedding[0].data_type"], await FieldsAsync(Of(StageKind.Denoise, value)));

        RunStageRequest Of(string kind, params Tensor[] values)
        {
            var request = new RunStageRequest { StageJson = Stage.Replace("KIND", kind, StringComparison.Ordinal) };
            if (values.Length > 0)
            {
                request.Inputs.Add("embedding", new StageValues { Values = { values } });
            }
            return request;
        }

        async Task<string[]> FieldsAsync(RunStageRequest request)
        {
            Grpc.Core.RpcException refused = await Assert.ThrowsAsync<Grpc.Core.RpcException>(async () =>
            {
                using Grpc.Core.AsyncServerStreamingCall<StageEvent> call = stages.Run(request, cancellationToken: Stop);
                await call.ResponseStream.MoveNext(Stop);
            });
            Assert.Equal(Grpc.Core.StatusCode.InvalidArgument, refused.StatusCode);
            return [.. BrownianClient.FaultsOf(refused).Select(fault => fault.Field)];
        }
    }

    [Fact]
    public async Task A_worker_with_other_files_under_a_models_name_is_not_ready()
    {
        string model = _stubs.Add();
        await using Node first = await StartAsync(Node.Everything, ServiceRole.Gateway, model);
        File.AppendAllText(Path.Combine(_stubs.Combine(model), "model_index.json"), "\n");

        await using Node second = await StartAsync(Node.Workers, ServiceRole.Denoiser, model);
        second.ExpectErrors(" has other files here ");

        Assert.All(second.Services.GetServices<StageWorker>(), worker => Assert.Contains("other files", worker.Problem, StringComparison.Ordinal));
        using HttpResponseMessage ready = await second.Http.GetAsync("/health/ready", Stop);
        Assert.Equal(System.Net.HttpStatusCode.ServiceUnavailable, ready.StatusCode);
    }

    [Fact]
    public async Task Queue_messages_that_cannot_be_read_are_skipped_and_later_jobs_end_done()
    {
        string model = _stubs.Add();
        await using Node node = await StartAsync(Node.Everything, ServiceRole.Gateway, model);
        string queue = new StageQueue(StageKind.Denoise, model, JobPriority.Standard).Name;
        await using (IConnection connection = await new ConnectionFactory { Uri = await servers.RabbitMqUriAsync() }.CreateConnectionAsync(Stop))
        await using (IChannel channel = await connection.CreateChannelAsync(cancellationToken: Stop))
        {
            foreach (string body in (string[])["{\"version\": 99, \"job\": \"x\", \"stage\": \"denoise\"}", "no json", "", "\0\u0001\u0002"])
            {
                await channel.BasicPublishAsync("", queue, mandatory: false, new BasicProperties(), Encoding.UTF8.GetBytes(body), Stop);
            }
        }

        Assert.Equal(
            JobState.Done,
            (await EndAsync(node, (await node.Client.Generation.SubmitAsync(Stubs.Request(model, 1), cancellationToken: Stop)).Id)).State);
        Assert.All(node.Services.GetServices<StageWorker>(), worker => Assert.Equal(WorkerState.Ready, worker.State));
    }

    [Fact]
    public async Task Jobs_behind_a_busy_worker_are_taken_by_the_idle_one()
    {
        string model = _stubs.Add(turns: 50_000);
        await using Node everything = await StartAsync(Node.Everything, ServiceRole.Gateway, model);
        await using Node more = await StartAsync(Node.Workers, ServiceRole.Denoiser, model);
        Job endless = await everything.Client.Generation.SubmitAsync(Stubs.Request(model, 1, steps: 900), cancellationToken: Stop);
        await UntilRunsAsync(everything, endless.Id);

        // One of the two denoisers is busy for as long as the test runs; the other must take all of these.
        for (ulong seed = 2; seed < 8; seed++)
        {
            Job quick = await EndAsync(
                everything, (await everything.Client.Generation.SubmitAsync(Stubs.Request(model, seed, steps: 2), cancellationToken: Stop)).Id);
            Assert.Equal(JobState.Done, quick.State);
        }
        Assert.Equal(
            JobState.Running, (await everything.Client.Generation.GetAsync(new GetJobRequest { Id = endless.Id }, cancellationToken: Stop)).State);
        await everything.Client.Generation.CancelAsync(new CancelJobRequest { Id = endless.Id }, cancellationToken: Stop);
    }

    public void Dispose() => _stubs.Dispose();

    private static DenoiseRequest Request(string model)
    {
        var embedding = new V1.Tensor { DataType = DataType.Float32, Data = Google.Protobuf.ByteString.CopyFrom(new byte[4 * 12 * 6]) };
        embedding.Shape.Add([1, 12, 6]);
        var request = new DenoiseRequest
        {
            Model = model,
            Embedding = embedding,
            SchedulerJson = "{\"_class_name\": \"DDIMScheduler\", \"clip_sample\": false}",
            SamplingJson = "{\"steps\": 900}",
        };
        request.LatentShape.Add([4, 8, 8]);
        return request;
    }

    private static async Task UntilRunsAsync(Node node, string id)
    {
        using Grpc.Core.AsyncServerStreamingCall<JobEvent> call =
            node.Client.Generation.Watch(new WatchJobRequest { Id = id }, cancellationToken: Stop);
        while (await call.ResponseStream.MoveNext(Stop))
        {
            if (call.ResponseStream.Current.Progress is { Stage: "denoise" })
            {
                return;
            }
        }
    }

    private static async Task<Job> EndAsync(Node node, string id)
    {
        using Grpc.Core.AsyncServerStreamingCall<JobEvent> call =
            node.Client.Generation.Watch(new WatchJobRequest { Id = id }, deadline: DateTime.UtcNow + Eventually.Deadline, cancellationToken: Stop);
        while (await call.ResponseStream.MoveNext(Stop))
        {
            // To the end.
        }
        return await node.Client.Generation.GetAsync(new GetJobRequest { Id = id }, cancellationToken: Stop);
    }

    private async Task<Node> StartAsync(Action<PlatformBuilder> add, ServiceRole role, string model, params string[] settings) =>
        await Node.StartAsync(
        add, role, [.. _stubs.Settings(model), .. await servers.SettingsAsync(), .. settings]);
}
