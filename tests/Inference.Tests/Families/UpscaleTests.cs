using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Diffusion.Faults;
using Brownian.Formats.Images;
using Brownian.Imaging;
using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tests.Adapters;
using Brownian.Models.Families;
using Brownian.Models.Plans;
using Brownian.Requests;

namespace Brownian.Inference.Tests.Families;

/// <summary>Images upscaled by diffusion, in tiles.</summary>
public sealed class UpscaleTests : IAsyncLifetime
{
    private const int Side = 96;
    private const int Tile = 32;
    private ImageGenerator _generator = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() =>
        _generator =
            await ImageGenerator.LoadAsync([GoldenData.Model("tiny-x4-upscaler")], new SessionSettings(Threads: 1), AdapterCatalog.None, Stop);

    public ValueTask DisposeAsync()
    {
        _generator.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task One_tile_gives_the_bytes_without_tiles() =>
        Assert.Equal((await UpscaleAsync(tile: 0)).Pixels.Rgb, (await UpscaleAsync(Side)).Pixels.Rgb);

    /// <summary>
    /// The small model's images are noise, whose own gradients are larger than any edge: the test measures how far a run in tiles is from one
    /// without. Tiles that do not overlap fail the same check by far.
    /// </summary>
    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    public async Task Gradients_at_the_borders_of_tiles_are_no_larger_than_elsewhere(int overlap)
    {
        const double MaxAtBorders = 1.25;
        float[] whole = Latents(await UpscaleAsync(tile: 0)), glued = Latents(await UpscaleAsync(Tile, overlap: 0)),
        blended = Latents(await UpscaleAsync(Tile, overlap));
        double edges = Edges(blended, whole, overlap), gluedEdges = Edges(glued, whole, overlap: 0);
        Assert.True(edges < MaxAtBorders, $"{edges}; glued {gluedEdges}");
        Assert.True(gluedEdges > 2 * MaxAtBorders, $"{gluedEdges}; blended {edges}");
        Assert.InRange(Edges(blended, new float[blended.Length], overlap), 0, 1.05);

        static float[] Latents(GeneratedImage image) => image.Denoised.Latents.Values;
    }

    [Fact]
    public void Invalid_tiles_are_refused_by_field()
    {
        Assert.Contains("tile: 8193 is not allowed; allowed: 0..8192", Refused(Side, request => request["tile"] = 8193), StringComparison.Ordinal);
        Assert.Contains(
            "tile_overlap: 33 is not allowed; allowed: 0..32", Refused(Side, request => (request["tile"], request["tile_overlap"]) = (64, 33)),
            StringComparison.Ordinal);
        Assert.Contains(
            "tile: 0 is not allowed; allowed: above 0: the image would become 2560x2560", Refused(640, request => request["tile"] = 0),
            StringComparison.Ordinal);
        Assert.Contains(
            "init_image: \"2056x2056 pixels\" is not allowed; allowed: up to 2048 on each side", Refused(2056, _ => { }), StringComparison.Ordinal);
    }

    [Fact]
    public void An_image_too_large_for_one_run_is_made_in_tiles_by_default()
    {
        Assert.Null(Resolve(512, _ => { }).Tiling);
        Assert.Equal(new DenoiseTiling(128, 32), Resolve(520, _ => { }).Tiling);
        Assert.True(Resolve(520, _ => { }).IsTiled);
    }

    /// <summary>
    /// How much larger the differences of neighbouring latents are across the borders of tiles than elsewhere, on average, after other latents
    /// were subtracted.
    /// </summary>
    private static double Edges(float[] latents, float[] others, int overlap)
    {
        var grid = new TileGrid(Side, Side, Tile, overlap);
        int[] borders = [.. grid.Tops.ToArray().SelectMany(top => (int[])[top, top + grid.TileHeight])];
        var sums = new double[2];
        var counts = new int[2];
        for (int i = 0; i < latents.Length; i++)
        {
            foreach ((int place, int step) in ((int, int)[])[(i % Side, 1), (i / Side % Side, Side)])
            {
                if (place > 0)
                {
                    int kind = borders.Contains(place) ? 0 : 1;
                    sums[kind] += Math.Abs(latents[i] - others[i] - (latents[i - step] - others[i - step]));
                    counts[kind]++;
                }
            }
        }
        return sums[0] / counts[0] / (sums[1] / counts[1]);
    }

    private static JsonObject Request(Action<JsonObject> change)
    {
        var request = new JsonObject
        {
            ["task"] = "upscale",
            ["prompt"] = "a cat",
            ["init_image"] = "picture",
            ["steps"] = 6,
            ["seed"] = 3,
            ["vae_tiling"] = false
        };
        change(request);
        return request;
    }

    private ResolvedRequest Resolve(int side, Action<JsonObject> change) =>
        _generator.Resolve(
            RequestReader.Read(Request(request =>
            {
                request.Remove("vae_tiling");
                change(request);
            })),
            new RequestImages { InitImage = new RequestImage("picture", side, side) });

    private string Refused(int side, Action<JsonObject> change) => Assert.Throws<FieldFaultException>(() => Resolve(side, change)).Message;

    private async Task<GeneratedImage> UpscaleAsync(int tile, int overlap = 0)
    {
        GenerationRequest request = RequestReader.Read(Request(json => (json["tile"], json["tile_overlap"]) = (tile, overlap)));
        byte[] file = ImageWriter.Encode(Waves(Side, Side), new OutputSettings(), "");
        var files = new Dictionary<string, ReadOnlyMemory<byte>> { ["picture"] = file };
        RequestImages images = new() { InitImage = new RequestImage("picture", Side, Side) };
        await foreach (GeneratedImage image in _generator.GenerateAsync(_generator.Resolve(request, images), files, null, null, Stop))
        {
            return image;
        }
        throw new InvalidOperationException("No picture came");
    }

    /// <summary>Slow waves of colours.</summary>
    internal static PixelImage Waves(int width, int height)
    {
        var rgb = new byte[3 * width * height];
        for (int i = 0; i < rgb.Length; i++)
        {
            (int x, int y) = (i / 3 % width, i / 3 / width);
            rgb[i] = (byte)(127.5 + 100 * Math.Sin(x * 0.11 + i % 3) * Math.Cos(y * 0.07 + i % 3));
        }
        return new PixelImage(width, height, rgb);
    }
}
