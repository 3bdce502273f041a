using System.Text.Json.Nodes;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Schedulers;
using Brownian.Formats.Files;
using Brownian.Formats.Images;
using Brownian.Formats.Tensors;
using Brownian.Imaging;
using Brownian.Imaging.Preparation;
using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tests.Adapters;
using Brownian.Inference.Tests.Models;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Requests;
using Brownian.Tests.Programs;

namespace Brownian.Inference.Tests.Engines;

/// <summary>ControlNets in runs of a small model that has two.</summary>
public sealed class ControlNetTests : IDisposable
{
    private const int Steps = 4;

    private const int Tokens = 77, Width = 32;

    /// <summary>Two levels of one layer each.</summary>
    private static readonly (string Name, int Channels)[] StubLayers =
        [("down_block_0", 2), ("down_block_1", 2), ("down_block_2", 2), ("down_block_3", 3), ("mid_block", 3)];

    private static readonly SessionSettings OneThread = new(Threads: 1);

    private readonly ControlledModel _denoiser = Load(GoldenData.Model("tiny-sd15-controlnet"));

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _denoiser.Dispose();

    /// <summary>In the way of <c>controlnet_keep</c>: a window has the evaluations that are wholly inside it.</summary>
    [Theory]
    [InlineData(0, 1, "1 1 1 1 1 1 1 1")]
    [InlineData(0.25, 1, "0 0 1 1 1 1 1 1")]
    [InlineData(0.3, 1, "0 0 0 1 1 1 1 1")]
    [InlineData(0, 0.5, "1 1 1 1 0 0 0 0")]
    [InlineData(0, 0.49, "1 1 1 0 0 0 0 0")]
    [InlineData(0.4, 0.45, "0 0 0 0 0 0 0 0")]
    [InlineData(0.125, 0.875, "0 1 1 1 1 1 1 0")]
    public void A_ControlNet_has_its_scale_only_in_its_window(double start, double end, string scales)
    {
        ControlCondition control = Control("controlnet", 1) with { Scale = 0.7, Start = start, End = end };
        Assert.Equal(scales.Split(' ').Select(word => word == "1" ? 0.7 : 0), Enumerable.Range(0, 8).Select(i => control.ScaleAt(i, 8)));
    }

    [Fact]
    public async Task A_saved_run_resumes_in_another_denoiser_with_the_same_bits()
    {
        DenoiseTask task = Guided() with { Controls = [Control("controlnet", 1), Control("controlnet_1", 2) with { Start = 0.3, GuessMode = true }] };
        DenoiseResult undisturbed = await AloneAsync(_denoiser, task);
        using ControlledModel other = Load(GoldenData.Model("tiny-sd15-controlnet"));
        IDenoising run = _denoiser.Begin(task);
        for (int i = 0; i < Steps; i++)
        {
            AssertSame(undisturbed, await FinishAsync(other.Restore(task, run.Save())));
            await run.EvaluateAsync(Stop);
        }
        AssertSame(undisturbed, run.Result());
    }

    [Fact]
    public async Task Every_setting_of_a_ControlNet_changes_the_image()
    {
        ControlCondition control = Control("controlnet", 1);
        DenoiseTask plain = Guided();
        DenoiseTask[] tasks =
        [
            plain,
            plain with { Controls = [control] },
            plain with { Controls = [control with { Net = new("controlnet_1") }] },
            plain with { Controls = [Control("controlnet", 2)] },
            plain with { Controls = [control with { Scale = 0.5 }] },
            plain with { Controls = [control with { Start = 0.5 }] },
            plain with { Controls = [control with { End = 0.5 }] },
            plain with { Controls = [control with { GuessMode = true }] },
            plain with { Controls = [control, control] },
        ];
        var latents = new List<float[]>();
        foreach (DenoiseTask task in tasks)
        {
            latents.Add((await AloneAsync(_denoiser, task)).Latents.Values);
        }
        Assert.Equal(tasks.Length, latents.Select(values => string.Join(' ', values)).Distinct().Count());
        // A run leaves nothing to the next one.
        AssertSame(await AloneAsync(_denoiser, plain), latents[0]);
        // Two equal ControlNets are one of twice the scale.
        AssertNear(latents[^1], (await AloneAsync(_denoiser, plain with { Controls = [control with { Scale = 2 }] })).Latents.Values);
    }

    [Fact]
    public async Task A_model_with_unused_ControlNet_inputs_gives_the_latents_of_the_plain_model()
    {
        using ControlledModel usual = Load(GoldenData.Model("tiny-sd15"));
        AssertNear((await AloneAsync(usual, Guided())).Latents.Values, (await AloneAsync(_denoiser, Guided())).Latents.Values);
    }

    [Fact]
    public async Task Runs_with_other_ControlNets_and_without_any_can_share_a_batch_and_an_engine()
    {
        DenoiseTask[] tasks =
        [
            Guided() with { Controls = [Control("controlnet", 1)] },
            Guided() with { Seed = 2 },
            Guided() with
            {
                Seed = 3, Controls = [Control("controlnet_1", 2) with { GuessMode = true }, Control("controlnet", 3) with { End = 0.5 }]
            },
        ];
        var alone = new List<DenoiseResult>();
        foreach (DenoiseTask task in tasks)
        {
            alone.Add(await AloneAsync(_denoiser, task));
        }
        IReadOnlyList<DenoiseResult> together = await _denoiser.DenoiseAsync(tasks, null, Stop);
        IDenoising[] interleaved = [.. tasks.Select(_denoiser.Begin)];
        for (int i = 0; i < Steps; i++)
        {
            foreach (IDenoising run in interleaved)
            {
                await run.EvaluateAsync(Stop);
            }
        }
        for (int i = 0; i < tasks.Length; i++)
        {
            AssertNear(alone[i].Latents.Values, together[i].Latents.Values);
            AssertSame(alone[i], interleaved[i].Result());
        }
    }

    [Fact]
    public async Task A_ControlNet_is_neither_loaded_nor_run_while_its_scale_is_zero()
    {
        using var folder = new TemporaryFolder();
        using ControlledModel broken =
            new(GoldenData.Model("tiny-sd15-controlnet").Require("unet").File, new GraphFile("controlnet", folder.Combine("gone.onnx"), null));
        ControlCondition control = Control("controlnet", 1);
        AssertSame(await AloneAsync(_denoiser, Guided()), await AloneAsync(broken, Guided() with { Controls = [control with { Scale = 0 }] }));
        IDenoising late = broken.Begin(Guided() with { Controls = [control with { Start = 0.5 }] });
        await late.EvaluateAsync(Stop);
        await late.EvaluateAsync(Stop);
        byte[] before = late.Save();
        ModelException missing = await Assert.ThrowsAsync<ModelException>(() => late.EvaluateAsync(Stop));
        Assert.Contains("gone.onnx does not exist", missing.Message, StringComparison.Ordinal);
        Assert.Equal(before, late.Save());
    }

    [Fact]
    public void An_invalid_ControlNet_condition_is_refused_before_any_graph_runs()
    {
        ControlCondition control = Control("controlnet", 1);
        (string Says, ControlCondition Control)[] wrong =
        [
            ("There is no ControlNet nonsense; there are: controlnet, controlnet_1", control with { Net = new("nonsense") }),
            ("n * 8", control with { Image = new Tensor(new float[3 * 64 * 72], [1, 3, 64, 72]) }),
            ("n * 8", control with { Image = new Tensor(new float[64 * 64], [1, 1, 64, 64]) }),
            ("not finite", control with { Image = new Tensor([.. Enumerable.Repeat(float.NaN, 3 * 64 * 64)], [1, 3, 64, 64]) }),
            ("the weight NaN", control with { Scale = double.NaN }),
            ("from 0.5 to 0.5", control with { Start = 0.5, End = 0.5 }),
            ("from -1 to 1", control with { Start = -1 }),
            ("from 0 to 2", control with { End = 2 }),
        ];
        foreach ((string says, ControlCondition refused) in wrong)
        {
            Assert.Contains(
                says, Assert.Throws<ArgumentException>(() => _denoiser.Begin(Guided() with { Controls = [refused] })).Message,
                StringComparison.Ordinal);
        }
        using ControlledModel usual = Load(GoldenData.Model("tiny-sd15"));
        Assert.Contains(
            "no inputs for ControlNets", Assert.Throws<ArgumentException>(() => usual.Begin(Guided() with { Controls = [control] })).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_ControlNet_allocates_no_memory_after_the_first_evaluation()
    {
        // The first run also allocates buffers that are allocated once.
        await AllocatedAsync(Guided());
        long without = await AllocatedAsync(Guided());
        Assert.InRange(without, 0, 100);
        Assert.Equal(
            without,
            await AllocatedAsync(Guided() with { Controls = [Control("controlnet", 1), Control("controlnet_1", 2) with { GuessMode = true }] }));

        Task<long> AllocatedAsync(DenoiseTask task) => _denoiser.Local.RunAsync(
            run =>
            {
                var batch = new DenoiseBatch([_denoiser.Start(task)], _denoiser.Local.Model.SharesTimestep);
                _denoiser.Local.Evaluate(batch, run);
                long before = GC.GetAllocatedBytesForCurrentThread();
                while (!batch.IsDone)
                {
                    _denoiser.Local.Evaluate(batch, run);
                }
                return GC.GetAllocatedBytesForCurrentThread() - before;
            },
            Stop);
    }

    /// <summary>
    /// Stub graphs whose ControlNet gives the sum of the means of all its inputs, at the i-th layer i + 1 times; one that pools always guesses.
    /// </summary>
    [Theory]
    [InlineData(null, true, false, false)]
    [InlineData(null, false, true, false)]
    [InlineData(null, true, false, true)]
    [InlineData(2, true, false, false)]
    [InlineData(1, false, true, false)]
    public async Task A_ControlNet_of_XL_receives_the_conditions_of_every_row(int? batch, bool scalarTimestep, bool guesses, bool pools)
    {
        using var folder = new TemporaryFolder();
        string unet = folder.Combine("unet.onnx"), net = folder.Combine("controlnet.onnx");
        SaveUnet(unet);
        SaveControlNet(net, batch, scalarTimestep);
        using ControlledModel denoiser = new(unet, new GraphFile("controlnet", net, new JsonObject { ["global_pool_conditions"] = pools }));
        Tensor Filled(float value, params int[] shape) =>
            new([.. Enumerable.Repeat(value, shape.Aggregate(1, (length, side) => length * side))], shape);
        DenoiseTask task = Guided() with
        {
            Embedding = Filled(0.5f, 1, 7, 6),
            NegativeEmbedding = Filled(0.25f, 1, 7, 6),
            LatentShape = [4, 4, 6],
            Pooled = new PooledCondition
            {
                Pooled = Filled(2, 1, 5),
                NegativePooled = Filled(3, 1, 5),
                TimeIds = [6, 6, 6, 6, 6, 6],
                NegativeTimeIds = [9, 9, 9, 9, 9, 9]
            },
            Controls = [new ControlCondition { Net = new("controlnet"), Image = Filled(0.75f, 1, 3, 32, 48), Scale = 0.5, GuessMode = guesses }],
        };
        float[][] residuals = await denoiser.Local.RunAsync(
            run =>
            {
                DenoiserBinding binding = denoiser.Local.Evaluate(new DenoiseBatch([denoiser.Start(task)], denoiser.Local.Model.SharesTimestep), run);
                return (float[][])[.. Enumerable.Range(0, 10).Select(i => binding.Residual(i % 5, i / 5).ToArray())];
            },
            Stop);
        float timestep = (await AloneAsync(denoiser, task)).Timesteps[0];
        double negative = 3 + 9 + 0.25 + 0.75 + timestep, positive = 2 + 6 + 0.5 + 0.75 + timestep;
        int[] lengths = [2 * 24, 2 * 24, 2 * 6, 3 * 6, 3 * 6];
        for (int i = 0; i < residuals.Length; i++)
        {
            int layer = i % 5;
            double share = guesses ? Math.Pow(10, -1 + layer / 4.0) : 1;
            double expected = i < 5 ? (guesses || pools ? 0 : negative) : positive;
            Assert.Equal(lengths[layer], residuals[i].Length);
            Assert.All(residuals[i], value => Assert.Equal(expected * 0.5 * (layer + 1) * share, value, 1e-3));
        }
    }

    [Fact]
    public async Task A_graph_that_is_no_ControlNet_is_refused_at_its_first_use()
    {
        using ControlledModel mixed = new(
            GoldenData.Model("tiny-sd15-controlnet").Require("unet").File,
            GoldenData.Model("tiny-sd15").Require("unet") with { Part = "controlnet" });
        ModelException refused =
            await Assert.ThrowsAsync<ModelException>(() => AloneAsync(mixed, Guided() with { Controls = [Control("controlnet", 1)] }));
        Assert.Contains("is not a ControlNet of this model: it lacks an input controlnet_cond", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_with_ControlNets_and_a_UNet_without_their_inputs_is_refused()
    {
        using var folder = new TemporaryFolder();
        foreach (string directory in Directory.GetDirectories(GoldenData.Model("tiny-sd15").FolderPath))
        {
            Directory.CreateSymbolicLink(folder.Combine(Path.GetFileName(directory)), directory);
        }
        Directory.CreateSymbolicLink(
            folder.Combine("controlnet"), Path.GetDirectoryName(GoldenData.Model("tiny-sd15-controlnet").Require("controlnet").File)!);
        using var engines = new LocalEngines([ModelFolder.Open(folder.FullPath)], OneThread);
        ModelException refused = await Assert.ThrowsAsync<ModelException>(() => engines.DescribeAsync(Path.GetFileName(folder.FullPath), Stop));
        Assert.Contains(
            "has no inputs down_block_0, down_block_1, ... and mid_block, which controlnet beside it need", refused.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Canny_preprocessing_gives_the_image_of_a_request_with_the_edges()
    {
        var scene = new PixelImage(80, 64, [.. Enumerable.Range(0, 3 * 80 * 64).Select(i => (byte)(i / 3 % 80 is > 20 and < 50 ? 220 : i % 13))]);
        byte[] Png(PixelImage image) => ImageWriter.Encode(image, new OutputSettings { Metadata = false }, "");
        using ImageGenerator generator = await ImageGenerator.LoadAsync(GoldenData.Model("tiny-sd15-controlnet"), OneThread, Stop);
        byte[] edges = await DrawAsync(generator, Png(CannyEdges.Find(scene)), "none");
        Assert.Equal(edges, await DrawAsync(generator, Png(scene), "canny"));
        Assert.NotEqual(edges, await DrawAsync(generator, Png(scene), "none"));
    }

    [Fact]
    public async Task A_crop_around_the_mask_also_crops_the_ControlNets_image()
    {
        var scene = new PixelImage(96, 96, [.. Enumerable.Range(0, 3 * 96 * 96).Select(i => (byte)(i * 7 % 251))]);
        var mask = new PixelImage(
            96, 96,
            [.. Enumerable.Range(0, 3 * 96 * 96).Select(i => i / 3 % 96 is > 60 and < 80 && i / 3 / 96 is > 60 and < 80 ? byte.MaxValue : (byte)0)]);
        PixelImage Painted(bool inside) =>
            new(96, 96, [.. scene.Rgb.Select((level, i) => (i / 3 % 96 >= 40 && i / 3 / 96 >= 40) == inside ? (byte)(255 - level) : level)]);
        byte[] Png(PixelImage image) => ImageWriter.Encode(image, new OutputSettings { Metadata = false }, "");
        using ImageGenerator generator = await ImageGenerator.LoadAsync(GoldenData.Model("tiny-sd15-controlnet"), OneThread, Stop);
        var files = new Dictionary<string, ReadOnlyMemory<byte>>
        {
            ["scene"] = Png(scene),
            ["mask"] = Png(mask),
            ["elsewhere"] = Png(Painted(inside: false)),
            ["there"] = Png(Painted(inside: true))
        };
        Task<byte[]> Inpaint(string control) => DrawAsync(generator, files, new JsonObject
        {
            ["prompt"] = "x",
            ["init_image"] = "scene",
            ["mask"] = "mask",
            ["padding_mask_crop"] = 4,
            ["control_image"] = control,
            ["steps"] = 2,
            ["seed"] = 1,
            ["width"] = 64,
            ["height"] = 64,
        });
        byte[] expected = await Inpaint("scene");
        Assert.Equal(expected, await Inpaint("elsewhere"));
        Assert.NotEqual(expected, await Inpaint("there"));
    }

    private static Task<byte[]> DrawAsync(ImageGenerator generator, byte[] control, string preprocess) => DrawAsync(
        generator,
        new Dictionary<string, ReadOnlyMemory<byte>> { ["control"] = control },
        new JsonObject
        {
            ["prompt"] = "x",
            ["control_image"] = "control",
            ["control_preprocess"] = preprocess,
            ["steps"] = 2,
            ["seed"] = 1,
            ["width"] = 64,
            ["height"] = 64
        });

    private static async Task<byte[]> DrawAsync(ImageGenerator generator, Dictionary<string, ReadOnlyMemory<byte>> files, JsonObject json)
    {
        GenerationRequest request = RequestReader.Read(json);
        var faults = new List<FieldFault>();
        RequestImages images = await RequestImages.ReadAsync(request, named => Task.FromResult((named, files[named])), faults);
        Assert.Empty(faults);
        ResolvedRequest resolved = generator.Resolve(request, images);
        var drawn = new List<byte[]>();
        await foreach (GeneratedImage image in generator.GenerateAsync(resolved, files, null, null, Stop))
        {
            drawn.Add(image.Pixels.Rgb);
        }
        return Assert.Single(drawn);
    }

    private static void SaveUnet(string file)
    {
        OnnxStub stub = new OnnxStub()
            .Input("sample", OnnxStub.Float32, null, 4, null, null)
            .Input("timestep", OnnxStub.Float32)
            .Input("encoder_hidden_states", OnnxStub.Float32, null, null, 6)
            .Input("text_embeds", OnnxStub.Float32, null, 5)
            .Input("time_ids", OnnxStub.Float32, null, 6);
        foreach ((string name, int channels) in StubLayers)
        {
            stub.Input(name, OnnxStub.Float32, null, channels, null, null);
        }
        stub.Weights("half", [0.5f]).Node("Mul", ["sample", "half"], "out_sample").Output("out_sample", OnnxStub.Float32, null, 4, null, null)
            .Save(file);
    }

    private static void SaveControlNet(string file, int? batch, bool scalarTimestep)
    {
        OnnxStub stub = new OnnxStub()
            .Input("sample", OnnxStub.Float32, batch, 4, null, null)
            .Input("timestep", OnnxStub.Float32, scalarTimestep ? [] : [batch])
            .Input("encoder_hidden_states", OnnxStub.Float32, batch, null, 6)
            .Input("controlnet_cond", OnnxStub.Float32, batch, 3, null, null)
            .Input("conditioning_scale", OnnxStub.Float32)
            .Input("text_embeds", OnnxStub.Float32, batch, 5)
            .Input("time_ids", OnnxStub.Float32, batch, 6)
            .Weights("zero", [0])
            .Whole("row", [-1, 1, 1, 1], 4)
            .Node("ReduceMean", ["text_embeds"], "mean_pooled", ("axes", (int[])[1]), ("keepdims", 1))
            .Node("ReduceMean", ["time_ids"], "mean_ids", ("axes", (int[])[1]), ("keepdims", 1))
            .Node("ReduceMean", ["encoder_hidden_states"], "mean_text", ("axes", (int[])[1, 2]), ("keepdims", 0))
            .Node("ReduceMean", ["controlnet_cond"], "mean_image", ("axes", (int[])[1, 2, 3]), ("keepdims", 1))
            .Node("Add", ["mean_pooled", "mean_ids"], "sizes")
            .Node("Reshape", ["sizes", "row"], "sizes_row")
            .Node("Reshape", ["mean_text", "row"], "text_row")
            .Node("Reshape", ["timestep", "row"], "time_row")
            .Node("Add", ["sizes_row", "text_row"], "sum_1")
            .Node("Add", ["sum_1", "mean_image"], "sum_2")
            .Node("Add", ["sum_2", "time_row"], "sum_3")
            .Node("Mul", ["sum_3", "conditioning_scale"], "said")
            .Node("ReduceMean", ["sample"], "plane", ("axes", (int[])[1]), ("keepdims", 1))
            .Node("Mul", ["plane", "zero"], "whole")
            .Node("AveragePool", ["whole"], "halved", ("kernel_shape", (int[])[2, 2]), ("strides", (int[])[2, 2]));
        for (int i = 0; i < StubLayers.Length; i++)
        {
            (string name, int channels) = StubLayers[i];
            stub.Weights($"weight_{i}", [.. Enumerable.Repeat(i + 1f, channels)], 1, channels, 1, 1)
                .Node("Add", [i < 2 ? "whole" : "halved", "said"], $"placed_{i}")
                .Node("Mul", [$"placed_{i}", $"weight_{i}"], name)
                .Output(name, OnnxStub.Float32, null, channels, null, null);
        }
        stub.Save(file);
    }

    private static ControlledModel Load(ModelFolder model) => new(model.Require("unet").File, model.ControlNets);

    internal static ControlCondition Control(string net, int phase) => new()
    {
        Net = new(net),
        Image = new Tensor([.. Enumerable.Range(0, 3 * 64 * 64).Select(i => 0.5f + 0.5f * MathF.Sin(i * 0.01f * phase))], [1, 3, 64, 64]),
    };

    internal static DenoiseTask Guided() => new()
    {
        LatentShape = [4, 8, 8],
        Embedding = Waves(1),
        NegativeEmbedding = Waves(2),
        GuidanceScale = 5,
        Scheduler = new JsonObject
        {
            ["_class_name"] = "EulerDiscreteScheduler",
            ["beta_schedule"] = "scaled_linear",
            ["beta_start"] = 0.00085,
            ["beta_end"] = 0.012
        },
        Sampling = new SamplingOptions { Steps = Steps },
        Seed = 1,
    };

    private static Tensor Waves(int phase) =>
        new([.. Enumerable.Range(0, Tokens * Width).Select(i => MathF.Sin(i * phase + phase))], [1, Tokens, Width]);

    private static async Task<DenoiseResult> AloneAsync(ControlledModel denoiser, DenoiseTask task) =>
        (await denoiser.DenoiseAsync([task], null, Stop))[0];

    private static async Task<DenoiseResult> FinishAsync(IDenoising run)
    {
        while (!run.IsDone)
        {
            await run.EvaluateAsync(Stop);
        }
        return run.Result();
    }

    private static void AssertSame(DenoiseResult expected, DenoiseResult actual) => AssertSame(expected, actual.Latents.Values);

    private static void AssertSame(DenoiseResult expected, float[] actual) =>
        Assert.Equal(expected.Latents.Values.Select(BitConverter.SingleToUInt32Bits), actual.Select(BitConverter.SingleToUInt32Bits));

    private static void AssertNear(float[] expected, float[] actual) =>
        Assert.Equal(expected, actual, (one, other) => Math.Abs(one - other) <= 1e-3f);
}
