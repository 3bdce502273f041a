using Brownian.Diffusion.Noise;
using Brownian.Formats.Images;
using Brownian.Inference.Benchmarking;
using Brownian.Inference.Sessions;
using Brownian.Models.Folders;
using Brownian.Tests.Programs;

namespace Brownian.Inference.Tests.Models;

public sealed class ModelCheckTests
{
    private const int Side = 32;

    [Fact]
    public async Task The_shipped_model_makes_a_picture()
    {
        ModelCheck check = await ModelCheck.RunAsync(
            ModelFolder.Open(ShippedModel.Folder), new SessionSettings(Threads: 1), TestContext.Current.CancellationToken);
        Assert.Equal(ModelCheckResult.Picture, check.Result);
    }

    [Fact]
    public void Noise_gradients_and_one_colour_are_told_apart()
    {
        float[] noise = new float[3 * Side * Side];
        new TorchCpuGenerator(1).FillNormal(noise);
        Assert.Equal(ModelCheckResult.Noise, ResultOf(i => (byte)Math.Clamp(128 + (50 * noise[i]), 0, 255)));
        Assert.Equal(ModelCheckResult.Picture, ResultOf(i => (byte)((i / 3 % Side * 4) + (i / 3 / Side * 3))));
        Assert.Equal(ModelCheckResult.Flat, ResultOf(_ => 77));
        Assert.Equal(ModelCheckResult.Flat, ResultOf(i => (byte)(i % 2)));
    }

    private static ModelCheckResult ResultOf(Func<int, byte> level) => ModelCheck.Of(
        "", new PixelImage(Side, Side, [.. Enumerable.Range(0, 3 * Side * Side).Select(level)]), TimeSpan.Zero).Result;
}
