using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Brownian.Gateway.Requests;
using Brownian.Inference;
using Brownian.Inference.Requests;
using Brownian.V1;
using Grpc.Core;

namespace Brownian.Golden.Tests;

/// <summary>Every case through the cluster's doors: the bytes are those of a run in this process.</summary>
public sealed class ClusterTests(GoldenCluster cluster, LoadedModels models) : IClassFixture<GoldenCluster>, IClassFixture<LoadedModels>
{
    /// <summary>A deadline for a job of milliseconds: one that never ends shall be seen, and by its name.</summary>
    private const int Longest = 120_000;

    public static TheoryData<string> Cases => GoldenCase.Names;

    [Theory(Timeout = Longest)]
    [MemberData(nameof(Cases))]
    public async Task A_request_by_grpc_and_by_json_gives_the_bytes_of_a_run_in_process(string name)
    {
        GoldenCase golden = GoldenCase.Read(name);
        byte[][] expected = await ExpectedAsync(golden);
        JsonObject request = await golden.RemoteRequestAsync(async path => (await cluster.Node.Client.UploadAsync(File.OpenRead(path), TestContext.Current.CancellationToken)).Id);

        var artifacts = new List<string>();
        await foreach (JobEvent told in cluster.Node.Client.GenerateAsync(RequestMessage.Read(request), TestContext.Current.CancellationToken))
        {
            Assert.Null(told.Failed);
            if (told.Artifact is not null)
            {
                artifacts.Add(told.Artifact.Id);
            }
        }
        byte[][] actual = await Task.WhenAll(artifacts.Select(id => cluster.Node.Client.GetArtifactAsync(id, TestContext.Current.CancellationToken)));
        Assert.Equal(expected, actual);
        for (int i = 0; i < actual.Length; i++)
        {
            golden.AssertPicture(i, GoldenCase.DecodePng(actual[i]));
        }

        // The case's own words, nulls included; pictures within them.
        request = await golden.RemoteRequestAsync(async path => "data:application/octet-stream;base64," + Convert.ToBase64String(await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken)));
        using HttpResponseMessage submitted = await cluster.Node.Http.PostAsJsonAsync("/v1/jobs", request, TestContext.Current.CancellationToken);
        JsonNode job = (await submitted.Content.ReadFromJsonAsync<JsonNode>(TestContext.Current.CancellationToken))!;
        Assert.True(submitted.IsSuccessStatusCode, job.ToJsonString());
        var byJson = new List<string>();
        using AsyncServerStreamingCall<JobEvent> call = cluster.Node.Client.Generation.Watch(new WatchJobRequest { Id = (string)job["id"]! }, cancellationToken: TestContext.Current.CancellationToken);
        await foreach (JobEvent told in call.ResponseStream.ReadAllAsync(TestContext.Current.CancellationToken))
        {
            if (told.Artifact is not null)
            {
                byJson.Add(told.Artifact.Sha256);
            }
        }
        Assert.Equal(expected.Select(bytes => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes))), byJson);
    }

    /// <summary>What a ControlNet is shown, and what other families' graphs take beside latents and prompts, goes to the denoiser within the call.</summary>
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
        GenerateRequest request = RequestMessage.Read(await golden.RemoteRequestAsync(async path => (await cluster.Gateway.Client.UploadAsync(File.OpenRead(path), TestContext.Current.CancellationToken)).Id));
        request.Direct = true;

        var artifacts = new List<string>();
        await foreach (JobEvent told in cluster.Gateway.Client.GenerateAsync(request, TestContext.Current.CancellationToken))
        {
            if (told.Artifact is not null)
            {
                artifacts.Add(told.Artifact.Id);
            }
        }
        Assert.Equal(await ExpectedAsync(golden), await Task.WhenAll(artifacts.Select(id => cluster.Gateway.Client.GetArtifactAsync(id, TestContext.Current.CancellationToken))));
    }

    /// <summary>The folder of models is one of adapters too: its ControlNets are named by where they lie in it, as if they were no model's.</summary>
    [Theory(Timeout = Longest)]
    [InlineData("controlnet-two", false)]
    [InlineData("controlnet-two", true)]
    [InlineData("controlnet-inpaint", false)]
    public async Task ControlNets_that_are_found_by_name_give_the_references_answer(string name, bool direct)
    {
        GoldenCase golden = GoldenCase.Read(name);
        JsonObject json = await golden.RemoteRequestAsync(async path => (await cluster.Gateway.Client.UploadAsync(File.OpenRead(path), TestContext.Current.CancellationToken)).Id);
        GoldenCase.NameControlNets(json);
        GenerateRequest request = RequestMessage.Read(json);
        request.Direct = direct;

        JobEvent? last = null, artifact = null;
        await foreach (JobEvent told in cluster.Gateway.Client.GenerateAsync(request, TestContext.Current.CancellationToken))
        {
            (last, artifact) = (told, told.Artifact is null ? artifact : told);
        }
        Assert.NotNull(last?.Done);
        golden.AssertPicture(0, GoldenCase.DecodePng(await cluster.Gateway.Client.GetArtifactAsync(artifact!.Artifact.Id, TestContext.Current.CancellationToken)));
    }

    /// <summary>The gateway has no model: a worker told it what LoRAs are compared with.</summary>
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
        JsonObject json = await golden.RemoteRequestAsync(async path => (await cluster.Gateway.Client.UploadAsync(File.OpenRead(path), TestContext.Current.CancellationToken)).Id);
        json["controlnets"] = new JsonArray(Path.Combine(golden.ModelFolder, "controlnet"));
        using HttpResponseMessage refused = await cluster.Gateway.Http.PostAsJsonAsync("/v1/jobs", json, TestContext.Current.CancellationToken);
        string answer = await refused.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Equal(System.Net.HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Contains("controlnets[0]", answer, StringComparison.Ordinal);
    }

    private async Task<byte[][]> ExpectedAsync(GoldenCase golden)
    {
        ImageGenerator generator = await models.GetAsync(golden.ModelFolders);
        (GenerationRequest asked, RequestImages pictured, Dictionary<string, ReadOnlyMemory<byte>> given) = await golden.ReadAsync();
        var files = new List<byte[]>();
        await foreach (GeneratedImage image in generator.GenerateAsync(generator.Resolve(asked, pictured), given, null, null, TestContext.Current.CancellationToken))
        {
            files.Add(image.File);
        }
        return [.. files];
    }
}
