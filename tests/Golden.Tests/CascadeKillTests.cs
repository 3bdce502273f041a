using System.Text.Json.Nodes;
using Brownian.Client;
using Brownian.Gateway.Requests;
using Brownian.Inference;
using Brownian.Requests;
using Brownian.Testing.Nodes;
using Brownian.Testing.Processes;
using Brownian.V1;
using Grpc.Core;

namespace Brownian.Golden.Tests;

/// <summary>Processes that are killed while a later stage of a cascade runs: the images are those of an undisturbed run.</summary>
public sealed class CascadeKillTests(LoadedModels models) : IClassFixture<LoadedModels>
{
    private const int Longest = 180_000;

    /// <summary>
    /// Cases with enough steps to be killed in, and the stage to kill them in. The longest runs in <c>tests/long</c> only
    /// (<c>BROWNIAN_EVERY_CASE</c>).
    /// </summary>
    public static TheoryData<string, string, string> Cases
    {
        get
        {
            var cases = new TheoryData<string, string, string>
            {
                { "karlo-two", "{\"decoder_steps\": 300, \"super_res_steps\": 7, \"seeds\": [3]}", "decoder" },
                { "karlo-variation", "{\"super_res_steps\": 200}", "super-res" },
            };
            if (Environment.GetEnvironmentVariable("BROWNIAN_EVERY_CASE") is { Length: > 0 })
            {
                cases.Add("if-cascade", "{\"stage_2\": {\"steps\": 150, \"noise_level\": 250}, \"stage_2_seed_offset\": 1}", "stage-2-denoise");
            }
            return cases;
        }
    }

    [Theory(Timeout = Longest)]
    [MemberData(nameof(Cases))]
    public async Task A_killed_process_with_all_roles_resumes_a_cascade_with_the_same_bytes(string name, string changes, string stage)
    {
        using var data = new TemporaryFolder();
        await using ServiceProcess process = await ServiceProcess.StartAsync("everything", [.. Settings(name), "DataFolder=" + data.FullPath]);
        using var client = new BrownianClient(process.Address);
        Job job = await SubmitAsync(client, name, changes);

        await UntilAsync(client, job.Id, stage);
        process.Kill();
        await process.StartAgainAsync();

        await AssertBytesAsync(client, job.Id, name, changes, TestContext.Current.CancellationToken);
    }

    [Theory(Timeout = Longest)]
    [MemberData(nameof(Cases))]
    public async Task A_cascade_of_a_killed_denoiser_is_resumed_by_another_with_the_same_bytes(string name, string changes, string stage)
    {
        await using var servers = new RealServers();
        string[] settings = [.. Settings(name), .. await servers.SettingsAsync()];
        await using ServiceProcess gateway = await ServiceProcess.StartAsync("gateway", settings),
        text = await ServiceProcess.StartAsync("text-encoder", settings),
            first = await ServiceProcess.StartAsync("denoiser", settings), vae = await ServiceProcess.StartAsync("vae-decoder", settings);
        using var client = new BrownianClient(gateway.Address);
        Job job = await SubmitAsync(client, name, changes);

        await UntilAsync(client, job.Id, stage);
        first.Kill();
        await using ServiceProcess second = await ServiceProcess.StartAsync("denoiser", settings);

        await AssertBytesAsync(client, job.Id, name, changes, TestContext.Current.CancellationToken);
    }

    private static string[] Settings(string name) =>
    [
        "ModelFolders:0=" + Path.Combine(GoldenCase.Data, "models"),
        .. GoldenCase.Read(name).ModelFolders.Select((folder, i) => $"Models:{i}={Path.GetFileName(folder)}"),
        "Threads=1", "ProgressSeconds=0", "LeaseSeconds=1", "ReconcileSeconds=0.1", "GraceSeconds=0.5",
    ];

    private static JsonObject Changed(JsonObject request, string changes)
    {
        foreach ((string field, JsonNode? value) in JsonNode.Parse(changes)!.AsObject())
        {
            request[field] = value?.DeepClone();
        }
        return request;
    }

    private static async Task<Job> SubmitAsync(BrownianClient client, string name, string changes)
    {
        JsonObject request = await GoldenCase.Read(name)
            .RemoteRequestAsync(async path => (await client.UploadAsync(File.OpenRead(path), TestContext.Current.CancellationToken)).Id);
        return await client.Generation.SubmitAsync(
            RequestMessage.Read(Changed(request, changes)), cancellationToken: TestContext.Current.CancellationToken);
    }

    private static async Task UntilAsync(BrownianClient client, string id, string stage)
    {
        using AsyncServerStreamingCall<JobEvent> call =
            client.Generation.Watch(new WatchJobRequest { Id = id }, cancellationToken: TestContext.Current.CancellationToken);
        await foreach (JobEvent item in call.ResponseStream.ReadAllAsync(TestContext.Current.CancellationToken))
        {
            Assert.Null(item.Failed);
            Assert.Null(item.Done);
            if (item.Progress is { Evaluation: > 10 } progress && progress.Stage == stage)
            {
                return;
            }
        }
    }

    private async Task AssertBytesAsync(BrownianClient client, string id, string name, string changes, CancellationToken stop)
    {
        GoldenCase golden = GoldenCase.Read(name);
        ImageGenerator generator = await models.GetAsync(golden.ModelFolders);
        (_, RequestImages imaged, Dictionary<string, ReadOnlyMemory<byte>> given) = await golden.ReadAsync();
        var expected = new List<byte[]>();
        await foreach (
            GeneratedImage image in generator.GenerateAsync(
                generator.Resolve(RequestReader.Read(Changed(golden.Request(), changes)), imaged), given, null, null, stop))
        {
            expected.Add(image.File);
        }
        var artifacts = new List<string>();
        bool returned = false;
        using AsyncServerStreamingCall<JobEvent> call =
            client.Generation.Watch(new WatchJobRequest { Id = id }, deadline: DateTime.UtcNow + Eventually.Deadline, cancellationToken: stop);
        await foreach (JobEvent item in call.ResponseStream.ReadAllAsync(stop))
        {
            Assert.Null(item.Failed);
            returned |= item.StageReturned is not null;
            if (item.Artifact is not null)
            {
                artifacts.Add(item.Artifact.Id);
            }
        }
        Assert.True(returned, "the stage ran when its process died");
        Assert.Equal(expected, await Task.WhenAll(artifacts.Select(artifact => client.GetArtifactAsync(artifact, stop))));
    }
}
