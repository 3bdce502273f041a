using System.Text.Json.Nodes;
using Brownian.Diffusion.Faults;
using Brownian.Formats.Files;
using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Models.Stages;
using Brownian.Requests;
using Brownian.Tests.Programs;

namespace Brownian.Inference.Tests.Models;

/// <summary>The names, types and shapes of every exporter give the image of the plain layout.</summary>
public sealed class LayoutTests
{
    private static readonly SessionSettings OneThread = new(Threads: 1);

    public static TheoryData<string> Layouts => [.. Variants.Keys];

    private static Dictionary<string, StubModel> Variants { get; } = new()
    {
        ["older optimum: timestep of rank 1"] = new StubModel { TimestepShape = [null] },
        ["timestep int64"] = new StubModel { Timestep = OnnxStub.Int64 },
        ["Olive: noise_pred, timestep [1], external data, ids int32"] =
            new StubModel { Output = "noise_pred", TimestepShape = [1], External = true, Ids = OnnxStub.Int32 },
        ["static batch of 1"] = new StubModel { Batch = 1, TimestepShape = [1] },
        ["static batch of 2"] = new StubModel { Batch = 2 },
        ["static batch of 4"] = new StubModel { Batch = 4, TimestepShape = [4] },
        ["static size"] = new StubModel { LatentSize = (8, 8) },
        ["older converter: no config.json, nothing fixed, scale and window unsaid"] =
            new StubModel { Configs = false, StatesChannels = false, StatesWindow = false, TimestepShape = [null], Ids = OnnxStub.Int32 },
    };

    [Theory]
    [MemberData(nameof(Layouts))]
    public async Task An_exporters_layout_gives_the_latents_of_the_plain_layout(string layout)
    {
        using var folder = new TemporaryFolder();
        GeneratedImage plain = await GenerateAsync(new StubModel().Save(folder.Combine("plain")));
        GeneratedImage image = await GenerateAsync(Variants[layout].Save(folder.Combine("other")));
        Assert.Equal(plain.Denoised.Latents.Values, image.Denoised.Latents.Values);
    }

    [Fact]
    public async Task A_float16_graph_runs_by_conversion_and_its_noise_is_drawn_in_float32()
    {
        using var folder = new TemporaryFolder();
        GeneratedImage plain = await GenerateAsync(new StubModel().Save(folder.Combine("plain")));
        GeneratedImage half =
            await GenerateAsync(new StubModel { Float = OnnxStub.Float16, Timestep = OnnxStub.Float16 }.Save(folder.Combine("half")));
        Assert.Equal(plain.Denoised.InitialLatents.Values, half.Denoised.InitialLatents.Values);
        Assert.NotEqual(plain.Denoised.Latents.Values, half.Denoised.Latents.Values);
        float scale = plain.Denoised.Latents.Values.Max(MathF.Abs);
        Assert.Equal(plain.Denoised.Latents.Values, half.Denoised.Latents.Values, (one, other) => Math.Abs(one - other) <= 0.02f * scale);
    }

    [Fact]
    public async Task Noise_is_drawn_in_the_type_of_noise_dtype()
    {
        using var folder = new TemporaryFolder();
        string model = new StubModel().Save(folder.Combine("model"));
        GeneratedImage half = await GenerateAsync(model, request => request["noise_dtype"] = "float16");
        Assert.All(half.Denoised.InitialLatents.Values, value => Assert.Equal((float)(Half)value, value));
    }

    [Theory]
    [InlineData(1, 2, 12)]
    [InlineData(2, 8, 20)]
    [InlineData(8, 4, 7)]
    public async Task Facts_that_no_file_states_are_measured_on_the_graphs(int multiple, int scale, int window)
    {
        using var folder = new TemporaryFolder();
        string path = new StubModel
        {
            Configs = false,
            StatesChannels = false,
            StatesWindow = false,
            Multiple = multiple,
            Scale = scale,
            Positions = window
        }.Save(folder.Combine("model"));
        using ImageGenerator generator = await ImageGenerator.LoadAsync(ModelFolder.Open(path), OneThread, TestContext.Current.CancellationToken);
        Assert.Equal(multiple, generator.Facts.LatentMultiple);
        Assert.Equal(scale, generator.Facts.Scale);
        Assert.Equal(4, generator.Facts.Channels);
        Assert.Equal(window, await generator.WindowAsync(TestContext.Current.CancellationToken));
        Assert.False(generator.Facts.StatesScalingFactor);
    }

    [Fact]
    public async Task A_size_that_the_graph_does_not_accept_is_refused_with_the_nearest_valid_ones()
    {
        using var folder = new TemporaryFolder();
        string path = new StubModel { Configs = false, StatesChannels = false, Multiple = 8, Scale = 4 }.Save(folder.Combine("model"));
        using ImageGenerator generator = await ImageGenerator.LoadAsync(ModelFolder.Open(path), OneThread, TestContext.Current.CancellationToken);
        FieldFaultException refused = Assert.Throws<FieldFaultException>(() => generator.Resolve(Request(path, request => request["width"] = 100)));
        Assert.Contains("multiples of 32 with this model, the nearest are 96 and 128", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_size_other_than_that_of_a_static_graph_is_refused()
    {
        using var folder = new TemporaryFolder();
        string path = new StubModel { LatentSize = (8, 8) }.Save(folder.Combine("model"));
        using ImageGenerator generator = await ImageGenerator.LoadAsync(ModelFolder.Open(path), OneThread, TestContext.Current.CancellationToken);
        FieldFaultException refused = Assert.Throws<FieldFaultException>(() => generator.Resolve(Request(path, request => request["width"] = 64)));
        Assert.Contains("fixed to 32x32", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_graph_with_an_operator_that_the_provider_lacks_is_refused_by_its_name()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Combine("model.onnx");
        new OnnxStub()
            .Input("sample", OnnxStub.Float16, null, 8, null, null)
            .HalfWeights("gamma", new float[8], 8)
            .HalfWeights("beta", new float[8], 8)
            .Node("com.microsoft", "GroupNorm", ["sample", "gamma", "beta"], "out_sample", ("groups", 4), ("activation", 0), ("channels_last", 0))
            .Output("out_sample", OnnxStub.Float16, null, 8, null, null)
            .Save(file);
        ModelException refused = Assert.Throws<ModelException>(() => OnnxGraph.Load(file, OneThread));
        Assert.Contains("the operator com.microsoft.GroupNorm, which the cpu provider does not have", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Latents_that_are_not_finite_fail_the_run_with_the_evaluation_named()
    {
        using var folder = new TemporaryFolder();
        string path = new StubModel { Factor = float.NaN }.Save(folder.Combine("model"));
        DenoiseException failed = await Assert.ThrowsAsync<DenoiseException>(() => GenerateAsync(path));
        Assert.Contains("not finite (NaN or infinity) after evaluation 1 of 4", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Text_encoder_and_unet_of_two_models_are_refused()
    {
        using var folder = new TemporaryFolder();
        string path = new StubModel { LatentSize = (8, 8) }.Save(folder.Combine("model"));
        new OnnxStub()
            .Input("sample", OnnxStub.Float32, null, 4, null, null)
            .Input("timestep", OnnxStub.Float32)
            .Input("encoder_hidden_states", OnnxStub.Float32, null, null, 768)
            .Node("Add", ["sample", "timestep"], "shifted")
            .Node("ReduceMean", ["encoder_hidden_states"], "mean", ("keepdims", 0))
            .Node("Add", ["shifted", "mean"], "out_sample")
            .Output("out_sample", OnnxStub.Float32, null, 4, null, null)
            .Save(Path.Combine(path, "unet", "model.onnx"));
        ModelException refused = await Assert.ThrowsAsync<ModelException>(() => GenerateAsync(path));
        Assert.Contains("takes embeddings of width 768, the text encoder gives 6", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Images_that_share_batches_stay_within_the_tolerances_of_single_images()
    {
        using var folder = new TemporaryFolder();
        string path = new StubModel().Save(folder.Combine("model"));
        using LocalDenoiser denoiser = new(OnnxGraph.Load(Path.Combine(path, "unet", "model.onnx"), OneThread));
        GeneratedImage image = await GenerateAsync(path);
        DenoiseTask Task(ulong seed, int steps, string scheduler, bool guided) => new()
        {
            LatentShape = [4, 8, 8],
            Embedding = image.Prompt.Features.Embedding,
            NegativeEmbedding = guided ? image.Negative!.Features.Embedding : null,
            GuidanceScale = guided ? 7.5 : 1,
            Scheduler = new JsonObject { ["_class_name"] = scheduler, ["steps_offset"] = 1 },
            Sampling = new Brownian.Diffusion.Schedulers.SamplingOptions { Steps = steps },
            Seed = seed,
        };
        DenoiseTask[] tasks = [Task(1, 4, "DDIMScheduler", true), Task(2, 7, "DDIMScheduler", false), Task(3, 4, "EulerDiscreteScheduler", true)];
        IReadOnlyList<DenoiseResult> together = await denoiser.DenoiseAsync(tasks, null, TestContext.Current.CancellationToken);
        for (int i = 0; i < tasks.Length; i++)
        {
            DenoiseResult alone = (await denoiser.DenoiseAsync([tasks[i]], null, TestContext.Current.CancellationToken))[0];
            Assert.Equal(alone.Latents.Values, together[i].Latents.Values, (one, other) => Math.Abs(one - other) <= 2e-3f);
        }
    }

    [Fact]
    public async Task A_cancelled_run_ends_at_once_and_does_not_affect_the_next()
    {
        using var folder = new TemporaryFolder();
        string path = new StubModel().Save(folder.Combine("model"));
        using ImageGenerator generator = await ImageGenerator.LoadAsync(ModelFolder.Open(path), OneThread, TestContext.Current.CancellationToken);
        ResolvedRequest request = generator.Resolve(Request(path, json => json["steps"] = 50));
        using var stop = new CancellationTokenSource();
        var stopper = new StopAfter(3, stop);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => FirstAsync(generator, request, stopper, stop.Token));
        Assert.Equal(3, stopper.Evaluations);

        GeneratedImage after = await FirstAsync(generator, request, null, TestContext.Current.CancellationToken);
        GeneratedImage again = await FirstAsync(generator, request, null, TestContext.Current.CancellationToken);
        Assert.Equal(after.Pixels.Rgb, again.Pixels.Rgb);
    }

    [Fact]
    public async Task A_run_with_an_endless_graph_can_be_cancelled()
    {
        using var folder = new TemporaryFolder();
        string path = new StubModel().Save(folder.Combine("model"));
        new OnnxStub()
            .Input("sample", OnnxStub.Float32, null, 4, null, null)
            .Input("timestep", OnnxStub.Float32)
            .Input("encoder_hidden_states", OnnxStub.Float32, null, null, StubModel.Width)
            .Node("ReduceMean", ["encoder_hidden_states"], "mean", ("keepdims", 0))
            .Node("Add", ["mean", "timestep"], "start")
            .EndlessLoop("start", "end")
            .Node("Add", ["sample", "end"], "out_sample")
            .Output("out_sample", OnnxStub.Float32, null, 4, null, null)
            .Save(Path.Combine(path, "unet", "model.onnx"));
        using ImageGenerator generator = await ImageGenerator.LoadAsync(ModelFolder.Open(path), OneThread, TestContext.Current.CancellationToken);
        using var stop = new CancellationTokenSource();
        Task<GeneratedImage> endless = FirstAsync(generator, generator.Resolve(Request(path, null)), null, stop.Token);
        Assert.False(endless.IsCompleted);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => endless.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken));
    }

    private static GenerationRequest Request(string model, Action<JsonObject>? change)
    {
        var json = new JsonObject
        {
            ["prompt"] = "ab",
            ["negative_prompt"] = "b",
            ["steps"] = 4,
            ["seed"] = 7,
            ["width"] = 32,
            ["height"] = 32,
            ["model"] = model
        };
        change?.Invoke(json);
        return RequestReader.Read(json);
    }

    private static async Task<GeneratedImage> GenerateAsync(string path, Action<JsonObject>? change = null)
    {
        using ImageGenerator generator = await ImageGenerator.LoadAsync(ModelFolder.Open(path), OneThread, TestContext.Current.CancellationToken);
        return await FirstAsync(generator, generator.Resolve(Request(path, change)), null, TestContext.Current.CancellationToken);
    }

    private static async Task<GeneratedImage> FirstAsync(
        ImageGenerator generator, ResolvedRequest request, IProgress<DenoiseProgress>? progress, CancellationToken cancellationToken)
    {
        await foreach (GeneratedImage image in generator.GenerateAsync(request, progress, cancellationToken))
        {
            return image;
        }
        throw new InvalidOperationException("No picture came");
    }

    private sealed class StopAfter(int evaluations, CancellationTokenSource stop) : IProgress<DenoiseProgress>
    {
        public int Evaluations { get; private set; }

        public void Report(DenoiseProgress value)
        {
            Evaluations++;
            if (Evaluations == evaluations)
            {
                stop.Cancel();
            }
        }
    }
}
