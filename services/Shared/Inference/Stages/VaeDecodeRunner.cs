using Brownian.Inference.Engines;
using Brownian.Inference.Images;
using Brownian.Inference.Plans;

namespace Brownian.Inference.Stages;

/// <summary>Decodes the pictures of a stage. Input <c>latents</c>, output <c>pixels</c> ([height, width, 3], bytes), one a picture each.</summary>
/// <param name="engines">Where decoders are.</param>
public sealed class VaeDecodeRunner(IEngines engines) : IStageRunner
{
    /// <inheritdoc/>
    public string Kind => StageKind.VaeDecode;

    /// <inheritdoc/>
    public async Task RunAsync(IStageContext context, CancellationToken cancellationToken)
    {
        VaeDecodeSettings settings = StageSettings.Read<VaeDecodeSettings>(context.Stage);
        IReadOnlyList<StageValue> latents = await context.InputAsync("latents", cancellationToken).ConfigureAwait(false);
        using EngineLease<IVaeDecoder> lease =
            await engines.VaeDecoderAsync(context.Stage.Model!, context.Stage.Fingerprint, cancellationToken).ConfigureAwait(false);
        for (int picture = context.Kept("pixels"); picture < latents.Count; picture++)
        {
            if (context.ReturnsSoon && picture > 0)
            {
                throw new StageReturnedException();
            }
            PixelImage image = await lease.Engine.DecodeAsync(latents[picture].ToTensor(), settings.Tiled, cancellationToken, settings.WithoutShift).ConfigureAwait(false);
            await context.KeepAsync("pixels", new StageValue(StageDtype.UInt8, [image.Height, image.Width, 3], image.Rgb), cancellationToken).ConfigureAwait(false);
            await context.ReportAsync(new StageProgress(picture, latents.Count, 1, 1), cancellationToken).ConfigureAwait(false);
        }
    }
}
