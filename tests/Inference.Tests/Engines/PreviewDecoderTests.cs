using Brownian.Formats.Images;
using Brownian.Formats.Tensors;
using Brownian.Imaging;
using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Inference.Stages;
using Brownian.Inference.Tests.Adapters;
using Brownian.Models.Folders;
using Brownian.Tests.Programs;

namespace Brownian.Inference.Tests.Engines;

/// <summary>A small decoder in a model's folder makes its previews, but not its images.</summary>
public sealed class PreviewDecoderTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_small_decoder_of_a_model_makes_only_its_previews()
    {
        using var folder = new TemporaryFolder();
        string model = folder.Combine("model");
        Copy(GoldenData.Model("tiny-sd15").FolderPath, model);
        Copy(Path.Combine(GoldenData.Model("tiny-taesd").FolderPath, "vae_decoder"), Path.Combine(model, "preview_decoder"));
        using var engines = new LocalEngines(
            [ModelFolder.Open(model), GoldenData.Model("tiny-taesd"), GoldenData.Model("tiny-sd15")], new SessionSettings(Threads: 1));
        var latents = new Tensor([.. Enumerable.Range(0, 256).Select(i => MathF.Sin(i))], [1, 4, 8, 8]);

        byte[] preview = await LatentPreview.MakeAsync(engines, "model", null, latents, null, Stop);

        Assert.Equal(ImageWriter.EncodePreview(await DecodeAsync(engines, "tiny-taesd", latents), null), preview);
        Assert.NotEqual(ImageWriter.EncodePreview(await DecodeAsync(engines, "tiny-sd15", latents), null), preview);
        Assert.Equal((await DecodeAsync(engines, "tiny-sd15", latents)).Rgb, (await DecodeAsync(engines, "model", latents)).Rgb);
    }

    private static async Task<PixelImage> DecodeAsync(LocalEngines engines, string model, Tensor latents)
    {
        using EngineLease<IVaeDecoder> decoder = await engines.VaeDecoderAsync(model, null, Stop);
        return await decoder.Engine.DecodeAsync(latents, tiled: false, Stop);
    }

    private static void Copy(string from, string to)
    {
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}
