using System.Buffers.Binary;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Brownian.Formats.Images;
using Brownian.Formats.Safetensors;
using Brownian.Gateway.Requests;
using Brownian.Inference;
using Brownian.Jobs.Records;
using Brownian.Models.Families;
using Brownian.Models.Plans;
using Brownian.Models.Stages;
using Brownian.Requests;
using Brownian.Testing.Nodes;
using Brownian.V1;
using Grpc.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Golden.Tests;

/// <summary>Every case over gRPC, over JSON and by a direct call: the bytes are those of a run in this process.</summary>
public sealed class ClusterTests(GoldenCluster cluster, LoadedModels models) : IClassFixture<GoldenCluster>, IClassFixture<LoadedModels>
{
    /// <summary>A deadline for a job of milliseconds, so that a case that never ends is reported by its name.</summary>
    private const int Longest = 120_000;

    public static TheoryData<string> Cases => GoldenCase.NamesAtDoors;

    [Theory(Timeout = Longest)]
    [MemberData(nameof(Cases))]
    public async Task A_request_over_grpc_and_over_json_gives_the_bytes_of_a_run_in_process(string name)
    {
        GoldenCase golden = GoldenCase.Read(name);
        byte[][] expected = await ExpectedAsync(golden);
        JsonObject request = await golden.RemoteRequestAsync(
            async path => (await cluster.Node.Client.UploadAsync(File.OpenRead(path), TestContext.Current.CancellationToken)).Id);

        var artifacts = new List<string>();
        var evaluations = new Dictionary<(string Stage, int Image), int>();
        string id = "";
        await foreach (JobEvent item in cluster.Node.Client.GenerateAsync(RequestMessage.Read(request), TestContext.Current.CancellationToken))
        {
            id = item.JobId;
            Assert.Null(item.Failed);
            if (item.Progress is { } progress)
            {
                evaluations[(progress.Stage, progress.Picture)] = progress.Evaluations;
            }
            if (item.Artifact is not null)
            {
                artifacts.Add(item.Artifact.Id);
            }
        }
        byte[][] actual = await Task.WhenAll(artifacts.Select(id => cluster.Node.Client.GetArtifactAsync(id, TestContext.Current.CancellationToken)));
        Assert.Equal(expected, actual);
        for (int i = 0; i < actual.Length; i++)
        {
            golden.AssertImage(i, GoldenCase.DecodePng(actual[i]));
        }

        IJobStore store = cluster.Node.Services.GetRequiredService<IJobStore>();
        JobDefinition job = (await store.FindAsync(id, TestContext.Current.CancellationToken))!.Definition;
        Assert.Equal(
            evaluations.GroupBy(pair => pair.Key.Stage).ToDictionary(stage => stage.Key, stage => (long)stage.Sum(pair => pair.Value)),
            job.Plan.Stages.Zip(job.Work).Where(pair => pair.First.Kind is StageKind.Denoise or StageKind.VaeDecode)
                .ToDictionary(pair => pair.First.Name, pair => pair.Second.Units));

        // The case's own JSON, nulls included, with the images embedded.
        request = await golden.RemoteRequestAsync(
            async path =>
                "data:application/octet-stream;base64," + Convert.ToBase64String(
                    await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken)));
        using HttpResponseMessage submitted = await cluster.Node.Http.PostAsJsonAsync("/v1/jobs", request, TestContext.Current.CancellationToken);
        JsonNode answer = (await submitted.Content.ReadFromJsonAsync<JsonNode>(TestContext.Current.CancellationToken))!;
        Assert.True(submitted.IsSuccessStatusCode, answer.ToJsonString());
        var byJson = new List<string>();
        using AsyncServerStreamingCall<JobEvent> call = cluster.Node.Client.Generation.Watch(
            new WatchJobRequest { Id = (string)answer["id"]! }, cancellationToken: TestContext.Current.CancellationToken);
        await foreach (JobEvent item in call.ResponseStream.ReadAllAsync(TestContext.Current.CancellationToken))
        {
            if (item.Artifact is not null)
            {
                byJson.Add(item.Artifact.Sha256);
            }
        }
        Assert.Equal(expected.Select(bytes => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes))), byJson);
    }

    /// <summary>
    /// The ControlNet's image, and the further inputs of other families' graphs, reach the denoiser within the call.
    /// </summary>
    [Theory(Timeout = Longest)]
    [InlineData("controlnet-two")]
    [InlineData("controlnet-guess")]
    [InlineData("controlnet-inpaint")]
    [InlineData("sd3-negative-nonsquare")]
    [InlineData("sd3-inpaint")]
    [InlineData("flux-dev-two-prompts")]
    [InlineData("if-inpaint")]
    [InlineData("if-cascade")]
    [InlineData("karlo-two")]
    [InlineData("karlo-variation-two")]
    [InlineData("x4-euler-ancestral")]
    public async Task A_direct_call_gives_the_bytes_of_a_run_in_process(string name)
    {
        GoldenCase golden = GoldenCase.Read(name);
        GenerateRequest request = RequestMessage.Read(
            await golden.RemoteRequestAsync(
                async path => (await cluster.Gateway.Client.UploadAsync(File.OpenRead(path), TestContext.Current.CancellationToken)).Id));
        request.Direct = true;

        var artifacts = new List<string>();
        await foreach (JobEvent item in cluster.Gateway.Client.GenerateAsync(request, TestContext.Current.CancellationToken))
        {
            if (item.Artifact is not null)
            {
                artifacts.Add(item.Artifact.Id);
            }
        }
        Assert.Equal(
            await ExpectedAsync(golden),
            await Task.WhenAll(artifacts.Select(id => cluster.Gateway.Client.GetArtifactAsync(id, TestContext.Current.CancellationToken))));
    }

    /// <summary>The gateway does not decode images: the worker that does finds damage within the pixels.</summary>
    [Theory(Timeout = Longest)]
    [InlineData("sd15-i2i-0.4", "init_image", false)]
    [InlineData("sd15-i2i-0.4", "init_image", true)]
    [InlineData("sd15-inpaint-1.0", "mask", false)]
    [InlineData("controlnet-1.0", "control_image", false)]
    [InlineData("karlo-variation", "init_image", false)]
    public async Task An_image_whose_pixels_are_damaged_is_a_fault_of_its_field(string name, string field, bool direct)
    {
        GoldenCase golden = GoldenCase.Read(name);
        byte[] damaged = DamagedPixels();
        Assert.Equal((64, 64), ImageInspector.Inspect(damaged));
        string upload = (await cluster.Gateway.Client.UploadAsync(new MemoryStream(damaged), TestContext.Current.CancellationToken)).Id;
        GenerateRequest request = RequestMessage.Read(
            await golden.RemoteRequestAsync(
                async path => (await cluster.Gateway.Client.UploadAsync(File.OpenRead(path), TestContext.Current.CancellationToken)).Id));
        switch (field)
        {
            case "init_image":
                request.InitImage = upload;
                break;
            case "mask":
                request.Mask = upload;
                break;
            default:
                request.ControlImage.Clear();
                request.ControlImage.Add(upload);
                break;
        }
        request.Direct = direct;
        const string Says = "is a PNG file whose pixels end early";

        if (direct)
        {
            RpcException refused = await Assert.ThrowsAsync<RpcException>(() => DrawAsync(request));
            Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
            Assert.Contains($"{field}: {Says}", refused.Status.Detail, StringComparison.Ordinal);
            return;
        }
        JobEvent? last = null;
        await foreach (JobEvent item in cluster.Gateway.Client.GenerateAsync(request, TestContext.Current.CancellationToken))
        {
            last = item;
        }
        Assert.Equal((int)StatusCode.InvalidArgument, last!.Failed.Error.Code);
        Assert.Contains($"{field}: {Says}", last.Failed.Error.Message, StringComparison.Ordinal);
    }

    /// <summary>A PNG file of 64x64 grey pixels whose chunks and checksums are valid, and whose pixels end after the first row.</summary>
    private static byte[] DamagedPixels()
    {
        using var packed = new MemoryStream();
        using (var zlib = new System.IO.Compression.ZLibStream(packed, System.IO.Compression.CompressionLevel.Fastest, leaveOpen: true))
        {
            zlib.Write(new byte[65]);
        }
        return
        [
            0x89, .. "PNG\r\n\u001A\n"u8, .. Chunk("IHDR"u8, [0, 0, 0, 64, 0, 0, 0, 64, 8, 0, 0, 0, 0]), .. Chunk("IDAT"u8, packed.ToArray()),
            .. Chunk("IEND"u8, [])
        ];

        static byte[] Chunk(ReadOnlySpan<byte> type, byte[] data)
        {
            var chunk = new byte[12 + data.Length];
            BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
            type.CopyTo(chunk.AsSpan(4));
            data.CopyTo(chunk, 8);
            BinaryPrimitives.WriteUInt32BigEndian(
                chunk.AsSpan(8 + data.Length), System.IO.Hashing.Crc32.HashToUInt32(chunk.AsSpan(4, 4 + data.Length)));
            return chunk;
        }
    }

    /// <summary>The result of a job that stops after a stage is an artifact; after an upload another job or call resumes from it.</summary>
    [Theory(Timeout = Longest)]
    [InlineData("if-cascade", "stage-1", false)]
    [InlineData("if-cascade", "stage-1", true)]
    [InlineData("karlo-two", "prior", false)]
    [InlineData("karlo-two", "decoder", true)]
    [InlineData("karlo-variation-two", "decoder", false)]
    public async Task A_run_stopped_after_a_stage_and_resumed_gives_the_bytes_of_an_uninterrupted_run(string name, string stage, bool direct)
    {
        GoldenCase golden = GoldenCase.Read(name);
        JsonObject json = await golden.RemoteRequestAsync(
            async path => (await cluster.Gateway.Client.UploadAsync(File.OpenRead(path), TestContext.Current.CancellationToken)).Id);
        GenerateRequest request = RequestMessage.Read(json);
        (request.StopAfter, request.Direct) = (stage, direct);

        byte[] kept = Assert.Single(await DrawAsync(request));
        Assert.Equal(stage, PartialResult.Read(kept, "kept").StopAfter);
        UploadedImage upload = await cluster.Gateway.Client.UploadAsync(new MemoryStream(kept), TestContext.Current.CancellationToken);
        byte[][] images = await DrawAsync(new GenerateRequest { From = upload.Id, Direct = direct });

        Assert.Equal(await ExpectedAsync(golden), images);

        // A partial result of another image cannot be resumed from.
        RpcException refused =
            await Assert.ThrowsAsync<RpcException>(() => DrawAsync(new GenerateRequest { From = upload.Id, Seed = 4711, Direct = direct }));
        Assert.Contains(
            Brownian.Client.BrownianClient.FaultsOf(refused), fault =>
                fault.Field == "from" && fault.Description.Contains("in another request", StringComparison.Ordinal));
    }

    [Theory(Timeout = Longest)]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_partial_result_that_does_not_fit_its_stage_is_refused_or_fails_its_job(bool direct)
    {
        GenerateRequest request = RequestMessage.Read(await GoldenCase.Read("if-cascade").RemoteRequestAsync(static path => Task.FromResult(path)));
        request.StopAfter = "stage-1";
        PartialResult kept = PartialResult.Read(Assert.Single(await DrawAsync(request)), "kept");
        (string output, List<StageValue> values) = Assert.Single(kept.Images[0]);

        foreach (Dictionary<string, List<StageValue>> held in (Dictionary<string, List<StageValue>>[])
            [[], new() { ["stage-1-encode.prompt"] = values }, new() { [output] = values, ["more.of-it"] = values },
                new() { [output] = [.. values, .. values] }])
        {
            RpcException refused = await ResumeAsync(kept with { Images = [held] });
            Assert.Contains(Brownian.Client.BrownianClient.FaultsOf(refused), fault => fault.Field == "from");
        }
        foreach (int[] shape in (int[][])[[1, 3, 4], [3, 1, 2, 2], [1, 1, 3, 4], [12]])
        {
            RpcException failed = await ResumeAsync(
                kept with
                {
                    Images = [new Dictionary<string, List<StageValue>> { [output] = [new StageValue(StageDtype.Float32, shape, new byte[48])] }]
                });
            // The stage or its graph refuses it; nothing crashes.
            Assert.Contains(failed.StatusCode, (StatusCode[])[StatusCode.InvalidArgument, StatusCode.FailedPrecondition]);
        }
        RpcException unread = await Assert.ThrowsAsync<RpcException>(() => cluster.Gateway.Client.UploadAsync(
            new MemoryStream(SafetensorsFile.Write(
                new Dictionary<string, string>
                {
                    ["brownian.request"] = "{\"model\": \"a\", \"model\": \"b\"}",
                    ["brownian.stop_after"] = "stage-1",
                    ["brownian.done"] = ""
                },
                [])),
            TestContext.Current.CancellationToken));
        Assert.Equal(StatusCode.InvalidArgument, unread.StatusCode);

        async Task<RpcException> ResumeAsync(PartialResult other)
        {
            UploadedImage upload = await cluster.Gateway.Client.UploadAsync(new MemoryStream(other.ToBytes()), TestContext.Current.CancellationToken);
            var sent = new GenerateRequest { From = upload.Id, Direct = direct };
            if (direct)
            {
                return await Assert.ThrowsAsync<RpcException>(() => DrawAsync(sent));
            }
            try
            {
                Job job = await cluster.Gateway.Client.Generation.SubmitAsync(sent, cancellationToken: TestContext.Current.CancellationToken);
                using AsyncServerStreamingCall<JobEvent> call = cluster.Gateway.Client.Generation.Watch(
                    new WatchJobRequest { Id = job.Id }, cancellationToken: TestContext.Current.CancellationToken);
                JobEvent? last = null;
                await foreach (JobEvent item in call.ResponseStream.ReadAllAsync(TestContext.Current.CancellationToken))
                {
                    last = item;
                }
                return new RpcException(new Status((StatusCode)last!.Failed.Error.Code, last.Failed.Error.Message));
            }
            catch (RpcException refused)
            {
                return refused;
            }
        }
    }

    [Fact(Timeout = Longest)]
    public async Task A_run_stopped_locally_resumes_at_a_gateway_and_the_reverse()
    {
        using var folder = new TemporaryFolder();
        string request = folder.Combine("request.json"), models = Path.Combine(GoldenCase.Data, "models"), server = cluster.Gateway.GrpcAddress;
        GoldenCase golden = GoldenCase.Read("if-cascade");
        JsonObject json = golden.Request();
        // An image's settings contain paths.
        json["output"] = new JsonObject { ["metadata"] = false };
        await File.WriteAllTextAsync(request, json.ToJsonString(), TestContext.Current.CancellationToken);
        async Task RunAsync(params string[] words)
        {
            ProgramResult result = await BrownianProgram.RunAsync(new ProgramRun
            {
                Arguments = ["generate", "--quiet", .. words],
                Environment = new Dictionary<string, string> { ["BROWNIAN_API_KEY"] = Node.ApiKey },
            });
            Assert.True(result.ExitCode == 0, result.Error);
        }

        await RunAsync("--request", request, "-o", folder.Combine("whole.png"));
        await RunAsync("--request", request, "--stop-after", "stage-1", "-o", folder.Combine("here.safetensors"));
        await RunAsync("--from", folder.Combine("here.safetensors"), "--server", server, "-o", folder.Combine("there.png"));
        await RunAsync(
            "--request", request, "--set", "model=[\"tiny-if\", \"tiny-if-sr\"]", "--stop-after", "stage-1", "--server", server, "-o",
            folder.Combine("there.safetensors"));
        await RunAsync("--from", folder.Combine("there.safetensors"), "--models", models, "-o", folder.Combine("here.png"));
        await RunAsync("--from", folder.Combine("there.safetensors"), "--server", server, "--direct", "-o", folder.Combine("direct.png"));

        byte[] whole = await File.ReadAllBytesAsync(folder.Combine("whole.png"), TestContext.Current.CancellationToken);
        foreach (string name in (string[])["there.png", "here.png", "direct.png"])
        {
            Assert.Equal(whole, await File.ReadAllBytesAsync(folder.Combine(name), TestContext.Current.CancellationToken));
        }
    }

    [Theory(Timeout = Longest)]
    [InlineData("{\"model\": [\"tiny-if\", \"tiny-if-sr\"], \"prompt\": \"x\", \"stop_after\": \"stage-2\"}", "stop_after")]
    [InlineData("{\"model\": \"tiny-karlo\", \"prompt\": \"x\", \"stop_after\": \"nonsense\"}", "stop_after")]
    [InlineData("{\"model\": \"tiny-sd15\", \"prompt\": \"x\", \"stop_after\": \"denoise\"}", "stop_after")]
    [InlineData("{\"from\": \"up_0000000000000000000000000000dead\"}", "from")]
    [InlineData("{\"from\": \"/etc/hostname\"}", "from")]
    [InlineData("{\"from\": 5}", "from")]
    [InlineData("{\"from\": \"data:application/octet-stream;base64,AAAA\"}", "from")]
    public async Task An_invalid_stop_after_or_from_is_refused_by_field(string json, string field)
    {
        using HttpResponseMessage refused = await cluster.Gateway.Http.PostAsync(
            "/v1/jobs", new StringContent(json, System.Text.Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
        string answer = await refused.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(refused.StatusCode == System.Net.HttpStatusCode.BadRequest, answer);
        Assert.Contains($"\"field\":\"{field}\"", answer.Replace(" ", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    /// <summary>The models' folder is an adapter folder too: its ControlNets are named by their paths in it, independently of their model.</summary>
    [Theory(Timeout = Longest)]
    [InlineData("controlnet-two", false)]
    [InlineData("controlnet-two", true)]
    [InlineData("controlnet-inpaint", false)]
    public async Task ControlNets_found_by_name_give_the_references_image(string name, bool direct)
    {
        GoldenCase golden = GoldenCase.Read(name);
        JsonObject json = await golden.RemoteRequestAsync(
            async path => (await cluster.Gateway.Client.UploadAsync(File.OpenRead(path), TestContext.Current.CancellationToken)).Id);
        GoldenCase.NameControlNets(json);
        GenerateRequest request = RequestMessage.Read(json);
        request.Direct = direct;

        JobEvent? last = null, artifact = null;
        await foreach (JobEvent item in cluster.Gateway.Client.GenerateAsync(request, TestContext.Current.CancellationToken))
        {
            (last, artifact) = (item, item.Artifact is null ? artifact : item);
        }
        Assert.NotNull(last?.Done);
        golden.AssertImage(
            0, GoldenCase.DecodePng(await cluster.Gateway.Client.GetArtifactAsync(artifact!.Artifact.Id, TestContext.Current.CancellationToken)));
    }

    /// <summary>The gateway has no model: a worker announced the signature that LoRAs are compared with.</summary>
    [Fact(Timeout = Longest)]
    public async Task A_LoRA_whose_modules_the_model_lacks_is_refused_by_field_at_a_gateway_without_models()
    {
        var json = JsonNode.Parse("""
            {"model": "tiny-sd15", "prompt": "x", "steps": 2, "seed": 1, "width": 64, "height": 64,
             "loras": [{"file": "sd15-peft", "weight": 1}, {"file": "sdxl-peft", "weight": 0}]}
            """)!.AsObject();
        using HttpResponseMessage refused = await cluster.Gateway.Http.PostAsJsonAsync("/v1/jobs", json, TestContext.Current.CancellationToken);
        string answer = await refused.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Equal(System.Net.HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Contains("loras[1]", answer, StringComparison.Ordinal);
        Assert.Contains("modules that the model does not have; it is for Stable Diffusion XL", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("loras[0]", answer, StringComparison.Ordinal);

        json["loras"]!.AsArray().RemoveAt(1);
        using HttpResponseMessage accepted = await cluster.Gateway.Http.PostAsJsonAsync("/v1/jobs", json, TestContext.Current.CancellationToken);
        Assert.True(accepted.IsSuccessStatusCode, await accepted.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    [Fact(Timeout = Longest)]
    public async Task A_path_to_a_ControlNet_on_the_gateways_machine_is_refused_by_field()
    {
        GoldenCase golden = GoldenCase.Read("controlnet-1.0");
        JsonObject json = await golden.RemoteRequestAsync(
            async path => (await cluster.Gateway.Client.UploadAsync(File.OpenRead(path), TestContext.Current.CancellationToken)).Id);
        json["controlnets"] = new JsonArray(Path.Combine(golden.ModelFolder, "controlnet"));
        using HttpResponseMessage refused = await cluster.Gateway.Http.PostAsJsonAsync("/v1/jobs", json, TestContext.Current.CancellationToken);
        string answer = await refused.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Equal(System.Net.HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Contains("controlnets[0]", answer, StringComparison.Ordinal);
    }

    private async Task<byte[][]> DrawAsync(GenerateRequest request)
    {
        var artifacts = new List<string>();
        await foreach (JobEvent item in cluster.Gateway.Client.GenerateAsync(request, TestContext.Current.CancellationToken))
        {
            Assert.True(item.Failed is null, item.ToString());
            if (item.Artifact is not null)
            {
                artifacts.Add(item.Artifact.Id);
            }
        }
        return await Task.WhenAll(artifacts.Select(id => cluster.Gateway.Client.GetArtifactAsync(id, TestContext.Current.CancellationToken)));
    }

    private async Task<byte[][]> ExpectedAsync(GoldenCase golden)
    {
        ImageGenerator generator = await models.GetAsync(golden.ModelFolders);
        (GenerationRequest sent, RequestImages imaged, Dictionary<string, ReadOnlyMemory<byte>> given) = await golden.ReadAsync();
        var files = new List<byte[]>();
        await foreach (
            GeneratedImage image in generator.GenerateAsync(
                generator.Resolve(sent, imaged), given, null, null, TestContext.Current.CancellationToken))
        {
            files.Add(image.File);
        }
        return [.. files];
    }
}
