using System.Text.Json.Nodes;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Schedulers;
using Brownian.Formats.Images;
using Brownian.Formats.Tensors;
using Brownian.Hosting;
using Brownian.Imaging;
using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Inference.Stages;
using Brownian.Jobs.Access;
using Brownian.Jobs.Records;
using Brownian.Jobs.Services;
using Brownian.Models.Folders;
using Brownian.Models.Plans;
using Brownian.Requests;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Workers.Tests;

/// <summary>Plans that no family makes: services know only kinds of stages and follow the plan.</summary>
public sealed class MadeUpPlanTests(RealServers servers) : IDisposable
{
    private const ulong Seed = 77;

    private static readonly JsonObject EulerAncestral = new() { ["_class_name"] = "EulerAncestralDiscreteScheduler" };

    private readonly Stubs _stubs = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, false)]
    [InlineData(4, false)]
    [InlineData(5, false)]
    [InlineData(6, false)]
    [InlineData(6, true)]
    public async Task A_plan_of_one_to_six_stages_on_up_to_three_models_runs_to_its_end(int stages, bool cluster)
    {
        string[] models = [_stubs.Add(factor: 0.5f), _stubs.Add(factor: 0.25f), _stubs.Add(factor: 0.125f)];
        await using Node node = await StartAsync(cluster, models);
        JobService jobs = node.Services.GetRequiredService<JobService>();
        // encode, then denoise on one model, on a second, on a third, decode, write.
        PlanStage[] all =
        [
            Stage(
                "encode", StageKind.TextEncode, models[0],
                new TextEncodeSettings { Texts = new Dictionary<string, TextPrompt> { ["prompt"] = "ab", ["negative"] = "b" } }),
            Denoise("base", models[0], 5),
            Denoise("middle", models[1], 4, "base"),
            Denoise("last", models[2], 3, "middle"),
            Stage("decode", StageKind.VaeDecode, models[0], new VaeDecodeSettings(), ("latents", "last.latents")),
            Stage(
                "write",
                StageKind.Write,
                null,
                new WriteSettings { Output = new OutputSettings(), Parameters = new InfotextTemplate("", ""), Seeds = [Seed, Seed + 1] },
                ("pixels", "decode.pixels")),
        ];
        var definition = new JobDefinition { Id = jobs.NewId(), Created = jobs.Now, Plan = new Plan { Stages = all[..stages] } };

        await jobs.SubmitAsync(definition, Stop);
        await foreach (V1.JobEvent item in jobs.WatchAsync(Tenant.Default, definition.Id, 0, Stop))
        {
            Assert.Null(item.Failed);
        }

        StoredJob done = (await jobs.FindAsync(Tenant.Default, definition.Id, Stop))!;
        Assert.Equal(JobPhase.Done, done.Record.Phase);
        V1.Job message = JobMessages.ToMessage(done);
        Assert.All(message.Stages, stage => Assert.Equal(V1.StageState.Done, stage.State));
        if (stages == 6)
        {
            byte[][] expected = await ExpectedAsync(models);
            byte[][] actual =
                await Task.WhenAll(
                    done.Record.Artifacts.Select(async artifact => (await jobs.FindArtifactAsync(null, artifact.Id, Stop))!.Value.Bytes));
            Assert.Equal(expected, actual);
        }
    }

    [Fact]
    public async Task A_plan_that_cannot_run_is_refused_with_every_fault()
    {
        string model = _stubs.Add();
        await using Node node = await StartAsync(cluster: false, model);
        JobService jobs = node.Services.GetRequiredService<JobService>();
        var plan = new Plan
        {
            Stages =
            [
                Denoise("Base!", model, 2, "nowhere"),
                Stage("encode", "sing", model, new VaeDecodeSettings()),
                Stage("encode", StageKind.VaeDecode, null, new VaeDecodeSettings()),
            ],
        };

        FieldFaultException refused = await Assert.ThrowsAsync<FieldFaultException>(
            () => jobs.SubmitAsync(new JobDefinition { Id = jobs.NewId(), Created = jobs.Now, Plan = plan }, Stop));

        string[] fields = [.. refused.Faults.Select(fault => fault.Field)];
        Assert.Superset(
            new HashSet<string>
            {
                "plan.stages[0].name", "plan.stages[0].inputs.latents", "plan.stages[1].kind", "plan.stages[2].name", "plan.stages[2].model"
            },
            fields.ToHashSet());
    }

    public void Dispose() => _stubs.Dispose();

    private static PlanStage Stage<T>(string name, string kind, string? model, T settings, params (string Input, string Source)[] inputs)
        where T : class => new()
        {
            Name = name,
            Kind = kind,
            Model = model,
            Settings = StageSettings.Write(settings),
            Inputs = inputs.ToDictionary(input => input.Input, input => input.Source),
        };

    private static PlanStage Denoise(string name, string model, int steps, string? before = null)
    {
        (string, string)[] inputs = [("embedding", "encode.prompt"), ("negative", "encode.negative")];
        if (before is not null)
        {
            // The embeddings come from two stages back and more: a stage names its inputs from any earlier one.
            inputs = [.. inputs, ("latents", before + ".latents"), ("generator", before + ".generator")];
        }
        return Stage(name, StageKind.Denoise, model, Settings(steps), inputs);
    }

    private static DenoiseSettings Settings(int steps) => new()
    {
        LatentShape = [4, 8, 8],
        GuidanceScale = 3,
        Scheduler = EulerAncestral,
        Sampling = new SamplingOptions { Steps = steps },
        Seeds = [Seed, Seed + 1],
    };

    /// <summary>The same images, computed with the engines alone.</summary>
    private async Task<byte[][]> ExpectedAsync(string[] models)
    {
        using var engines = new LocalEngines(models.Select(model => ModelFolder.Open(_stubs.Combine(model))), new SessionSettings(Threads: 1));
        using EngineLease<ITextEncoder> encoder = await engines.TextEncoderAsync(models[0], null, Stop);
        Tensor prompt = (await encoder.Engine.EncodeAsync("ab", Stop)).Features.Embedding,
        negative = (await encoder.Engine.EncodeAsync("b", Stop)).Features.Embedding;
        using EngineLease<IVaeDecoder> decoder = await engines.VaeDecoderAsync(models[0], null, Stop);
        var files = new List<byte[]>();
        for (int index = 0; index < 2; index++)
        {
            DenoiseResult? before = null;
            foreach ((string model, int steps) in models.Zip([5, 4, 3]))
            {
                using EngineLease<IDenoiser> denoiser = await engines.DenoiserAsync(model, null, Stop);
                DenoiseTask task = Settings(steps).ToTask(index, new DenoiseInputs { Embedding = prompt, Negative = negative });
                task = before is null ? task : task with { StartLatents = before.Latents, GeneratorState = before.GeneratorState };
                before = (await denoiser.Engine.DenoiseAsync([task], null, Stop))[0];
            }
            PixelImage image = await decoder.Engine.DecodeAsync(before!.Latents, false, Stop);
            files.Add(ImageWriter.Encode(image, new OutputSettings(), (Seed + (ulong)index).ToString(CultureInfo.InvariantCulture)));
        }
        return [.. files];
    }

    private async Task<Node> StartAsync(bool cluster, params string[] models)
    {
        string[] where = cluster ? await servers.SettingsAsync() : ["Ephemeral=true"];
        return await Node.StartAsync(Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(models), .. where]);
    }
}
