using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Brownian.Gateway.Requests;
using Brownian.Inference;
using Brownian.Inference.Families;
using Brownian.Inference.Images;
using Brownian.Inference.Requests;
using Brownian.V1;
using Grpc.Core;

namespace Brownian.Golden.Tests;

/// <summary>Every case through the cluster's doors: the bytes are those of a run in this process.</summary>
public sealed class ClusterTests(GoldenCluster cluster, LoadedModels models) : IClassFixture<GoldenCluster>, IClassFixture<LoadedModels>
{
    public static TheoryData<string> Cases => GoldenCase.Names;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_request_by_grpc_and_by_json_gives_the_bytes_of_a_run_in_process(string name)
    {
        GoldenCase golden = GoldenCase.Read(name);
        byte[][] expected = await ExpectedAsync(golden);
        JsonObject request = golden.Request();
        request["model"] = Path.GetFileName(golden.ModelFolder);

        var artifacts = new List<string>();
        await foreach (JobEvent told in cluster.Node.Client.GenerateAsync(RequestMessage.Read(request), Stop))
        {
            Assert.Null(told.Failed);
            if (told.Artifact is not null)
            {
                artifacts.Add(told.Artifact.Id);
            }
        }
        byte[][] actual = await Task.WhenAll(artifacts.Select(id => cluster.Node.Client.GetArtifactAsync(id, Stop)));
        Assert.Equal(expected, actual);
        for (int i = 0; i < actual.Length; i++)
        {
            golden.AssertPicture(i, GoldenCase.DecodePng(actual[i]));
        }

        // The case's own words, nulls included.
        using HttpResponseMessage submitted = await cluster.Node.Http.PostAsJsonAsync("/v1/jobs", request, Stop);
        JsonNode job = (await submitted.Content.ReadFromJsonAsync<JsonNode>(Stop))!;
        Assert.True(submitted.IsSuccessStatusCode, job.ToJsonString());
        var byJson = new List<string>();
        using AsyncServerStreamingCall<JobEvent> call = cluster.Node.Client.Generation.Watch(new WatchJobRequest { Id = (string)job["id"]! }, cancellationToken: Stop);
        await foreach (JobEvent told in call.ResponseStream.ReadAllAsync(Stop))
        {
            if (told.Artifact is not null)
            {
                byJson.Add(told.Artifact.Sha256);
            }
        }
        Assert.Equal(expected.Select(bytes => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes))), byJson);
    }

    private async Task<byte[][]> ExpectedAsync(GoldenCase golden)
    {
        ImageGenerator generator = await models.GetAsync(golden.ModelFolder);
        ResolvedRequest request = generator.Resolve(RequestReader.Read(golden.Request()));
        var files = new List<byte[]>();
        await foreach (GeneratedImage image in generator.GenerateAsync(request, null, Stop))
        {
            files.Add(ImageFile.Encode(image.Pixels, request.Request.Output, Infotext.Write(request, image.Seed)));
        }
        return [.. files];
    }
}
