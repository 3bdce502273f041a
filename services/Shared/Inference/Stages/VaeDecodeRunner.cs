using Brownian.Formats.Images;
using Brownian.Inference.Engines;
using Brownian.Models.Plans;
using Brownian.Models.Stages;

namespace Brownian.Inference.Stages;

/// <summary>
/// Decodes the images of a stage. Input <c>latents</c>, output <c>pixels</c> ([height, width, 3], bytes), each one per image. With <c>Upscaling</c>
/// in the settings it enlarges images: input <c>pixels</c>, bytes, or [1, 3, height, width] numbers in about [-1, 1].
/// </summary>
/// <param name="engines">The engines that provide decoders.</param>
public sealed class VaeDecodeRunner(IEngines engines) : IStageRunner
{
    /// <inheritdoc/>
    public string Kind => StageKind.VaeDecode;

    /// <inheritdoc/>
    public async Task RunAsync(IStageContext context, CancellationToken cancellationToken)
    {
        VaeDecodeSettings settings = StageSettings.Read<VaeDecodeSettings>(context.Stage);
        if (settings.Upscaling is { } upscaling)
        {
            using EngineLease<IImageUpscaler> upscaler =
                await engines.ImageUpscalerAsync(context.Stage.Model!, context.Stage.Fingerprint, cancellationToken).ConfigureAwait(false);
            await MakeAsync(
                context, "pixels", pixels =>
                    upscaler.Engine.UpscaleAsync(pixels.ToImage(), upscaling.Tile, upscaling.Overlap, cancellationToken),
                    cancellationToken).ConfigureAwait(false);
            return;
        }
        using EngineLease<IVaeDecoder> lease =
            await engines.VaeDecoderAsync(context.Stage.Model!, context.Stage.Fingerprint, cancellationToken).ConfigureAwait(false);
        await MakeAsync(
            context, "latents", latents =>
                lease.Engine.DecodeAsync(latents.ToTensor(), settings.Tiled, cancellationToken, settings.WithoutShift),
                cancellationToken).ConfigureAwait(false);
    }

    private static async Task MakeAsync(
        IStageContext context, string input, Func<StageValue, Task<PixelImage>> make, CancellationToken cancellationToken)
    {
        IReadOnlyList<StageValue> values = await context.InputAsync(input, cancellationToken).ConfigureAwait(false);
        for (int imageIndex = context.Kept("pixels"); imageIndex < values.Count; imageIndex++)
        {
            if (context.ReturnsSoon && imageIndex > 0)
            {
                throw new StageReturnedException();
            }
            PixelImage image = await make(values[imageIndex]).ConfigureAwait(false);
            await context.KeepAsync("pixels", new StageValue(StageDtype.UInt8, [image.Height, image.Width, 3], image.Rgb), cancellationToken)
                .ConfigureAwait(false);
            await context.ReportAsync(new StageProgress(imageIndex, values.Count, 1, 1), cancellationToken).ConfigureAwait(false);
        }
    }
}
