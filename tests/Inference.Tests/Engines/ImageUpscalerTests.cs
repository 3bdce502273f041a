using System.Globalization;
using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Noise;
using Brownian.Formats.Files;
using Brownian.Formats.Images;
using Brownian.Imaging;
using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tests.Adapters;
using Brownian.Inference.Tests.Families;
using Brownian.Inference.Tests.Models;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Requests;
using Brownian.Tests.Programs;

namespace Brownian.Inference.Tests.Engines;

/// <summary>Convolutional upscalers, whole and in tiles.</summary>
public sealed class ImageUpscalerTests : IDisposable
{
    private const int MaxLevels = 2;
    private readonly TemporaryFolder _folder = new();
    private int _folders;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(null, false, 70, 45)]
    [InlineData(null, true, 70, 45)]
    [InlineData(null, true, 71, 46)]
    [InlineData(24, false, 70, 45)]
    public async Task An_image_upscaled_in_tiles_equals_the_whole_one_except_for_rounding(int? side, bool isPacked, int width, int height)
    {
        PixelImage image = Noise(width, height);
        using LocalImageUpscaler whole =
            Load(new StubUpscaler { IsPacked = isPacked }), tiled = Load(new StubUpscaler { IsPacked = isPacked, Side = side });
        PixelImage expected = await whole.UpscaleAsync(image, 0, 0, Stop);
        Assert.Equal((StubUpscaler.Scale * width, StubUpscaler.Scale * height), (expected.Width, expected.Height));
        foreach ((int tile, int overlap) in ((int, int)[])[(1, 0), (16, 0), (16, 8), (32, 1), (64, 20), (4096, 0)])
        {
            PixelImage actual = await tiled.UpscaleAsync(image, tile, overlap, Stop);
            Assert.Equal((expected.Width, expected.Height), (actual.Width, actual.Height));
            Assert.InRange(Farthest(expected, actual), 0, MaxLevels);
        }
    }

    [Fact]
    public async Task One_tile_gives_the_bytes_without_tiles()
    {
        using LocalImageUpscaler upscaler = Load(new StubUpscaler());
        PixelImage image = Noise(40, 30);
        Assert.Equal((await upscaler.UpscaleAsync(image, 0, 0, Stop)).Rgb, (await upscaler.UpscaleAsync(image, 40, 4, Stop)).Rgb);
        Assert.Equal((await upscaler.UpscaleAsync(image, 0, 0, Stop)).Rgb, (await upscaler.UpscaleAsync(image, null, 0, Stop)).Rgb);
    }

    /// <summary>The purpose of the overlap: a graph that is declared to use single pixels has edges.</summary>
    [Fact]
    public async Task Tiles_that_do_not_overlap_by_the_receptive_field_have_edges()
    {
        using LocalImageUpscaler whole = Load(new StubUpscaler()), glued = Load(new StubUpscaler { Config = "{\"receptive_field\": 0}" });
        PixelImage image = Noise(70, 45);
        int farthest = Farthest(await whole.UpscaleAsync(image, 0, 0, Stop), await glued.UpscaleAsync(image, 16, 0, Stop));
        Assert.True(farthest > 10 * MaxLevels, $"{farthest} levels");
    }

    [Fact]
    public async Task The_receptive_field_and_the_size_multiple_of_a_graph_are_measured()
    {
        using LocalImageUpscaler plain =
            Load(new StubUpscaler()), packed = Load(new StubUpscaler { IsPacked = true }), whole = Load(new StubUpscaler { Pools = true });
        Assert.Equal((StubUpscaler.Scale, 1, StubUpscaler.Reach), (plain.Scale, plain.Multiple, await plain.ReachAsync(Stop)));
        Assert.Equal((StubUpscaler.Scale, 2), (packed.Scale, packed.Multiple));
        Assert.InRange(await packed.ReachAsync(Stop), StubUpscaler.Reach, 2 * StubUpscaler.Reach + 1);
        Assert.Equal(ImageUpscalerConfig.MaxReach, await whole.ReachAsync(Stop));
    }

    [Theory]
    [InlineData("{\"scale\": 4}", "makes images 2 times as large, config.json beside it has 4")]
    [InlineData("{\"scale\": 0}", "has the scale 0; it must be a whole number, 1..16")]
    [InlineData("{\"multiple\": 65}", "has the multiple 65; it must be a whole number, 1..64")]
    [InlineData("{\"receptive_field\": \"far\"}", "has the receptive_field \"far\"; it must be a whole number, 0..128")]
    public void A_wrong_configuration_of_an_upscaler_is_refused_with_the_value(string config, string says) =>
        Assert.Contains(says, Assert.Throws<ModelException>(() => Load(new StubUpscaler { Config = config })).Message, StringComparison.Ordinal);

    [Fact]
    public void A_graph_that_is_no_upscaler_is_refused()
    {
        string file = _folder.Combine("latents.onnx");
        new OnnxStub().Input("x", OnnxStub.Float32, 1, 4, null, null).Node("Relu", ["x"], "y").Output("y", OnnxStub.Float32, 1, 4, null, null)
            .Save(file);
        using OnnxGraph graph = OnnxGraph.Load(file, new SessionSettings(Threads: 1));
        Assert.Contains(
            "is not an upscaler",
            Assert.Throws<ModelException>(() => new LocalImageUpscaler(graph, new ImageUpscalerConfig(null, null, null))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_image_alone_can_be_upscaled_and_fields_of_denoising_are_refused_by_name()
    {
        using ImageGenerator generator = await ImageGenerator.LoadAsync(
            ModelFolder.Open(new StubUpscaler().Save(_folder.Combine("upscaler-2x"))), new SessionSettings(Threads: 1), Stop);
        byte[] file = ImageWriter.Encode(UpscaleTests.Waves(40, 24), new OutputSettings(), "");
        var images = new RequestImages { InitImage = new RequestImage("picture", 40, 24) };
        var request = new JsonObject { ["task"] = "upscale", ["init_image"] = "picture", ["tile"] = 16 };
        ResolvedRequest resolved = generator.Resolve(RequestReader.Read(request), images);
        Assert.Equal((80, 48), (resolved.Width, resolved.Height));
        GeneratedImage image = await generator.GenerateAsync(
            resolved, new Dictionary<string, ReadOnlyMemory<byte>> { ["picture"] = file }, null, null, Stop).FirstAsync(Stop);
        Assert.Equal((80, 48), (image.Pixels.Width, image.Pixels.Height));
        Assert.Equal(resolved.ToJson().ToJsonString(), generator.Resolve(RequestReader.Read(resolved.ToJson()), images).ToJson().ToJsonString());

        (request["prompt"], request["seed"], request["steps"]) = ("a cat", 1, 5);
        FieldFaultException refused = Assert.Throws<FieldFaultException>(() => generator.Resolve(RequestReader.Read(request), images));
        Assert.Equal(["prompt", "seed", "steps"], refused.Faults.Select(fault => fault.Field).Order());
        FieldFaultException large = Assert.Throws<FieldFaultException>(() => generator.Resolve(
            RequestReader.Read(new JsonObject { ["task"] = "upscale", ["init_image"] = "picture" }),
            new RequestImages { InitImage = new RequestImage("picture", 4097, 8) }));
        Assert.Contains("init_image: \"4097x8 pixels\" is not allowed; allowed: up to 4096 on each side", large.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cascade_can_end_with_a_convolutional_upscaler()
    {
        using ImageGenerator generator = await ImageGenerator.LoadAsync(
            [GoldenData.Model("tiny-if"), ModelFolder.Open(new StubUpscaler().Save(_folder.Combine("upscaler-2x")))], new SessionSettings(Threads: 1),
            AdapterCatalog.None, Stop);
        JsonObject request = new()
        {
            ["model"] = new JsonArray("tiny-if", "upscaler-2x"),
            ["prompt"] = "a cat",
            ["seed"] = 3,
            ["stage_1"] = new JsonObject { ["steps"] = 2, ["width"] = 32, ["height"] = 16 },
        };
        GeneratedImage image = await generator.GenerateAsync(generator.Resolve(RequestReader.Read(request)), null, Stop).FirstAsync(Stop);
        Assert.Equal((64, 32), (image.Pixels.Width, image.Pixels.Height));
    }

    /// <summary>The largest difference of levels.</summary>
    private static int Farthest(PixelImage expected, PixelImage actual) => expected.Rgb.Zip(actual.Rgb, (a, b) => Math.Abs(a - b)).Max();

    private static PixelImage Noise(int width, int height)
    {
        var values = new float[3 * width * height];
        NoiseNames.Create(NoiseKind.TorchCpu, 5, default).FillNormal(values);
        return new PixelImage(width, height, [.. values.Select(value => (byte)Math.Clamp(128 + 64 * value, 0, 255))]);
    }

    private LocalImageUpscaler Load(StubUpscaler stub)
    {
        GraphFile file =
            ModelFolder.Open(stub.Save(_folder.Combine(string.Create(CultureInfo.InvariantCulture, $"model-{_folders++}")))).Require("upscaler");
        return new LocalImageUpscaler(OnnxGraph.Load(file.File, new SessionSettings(Threads: 1)), ImageUpscalerConfig.Read(file));
    }
}
