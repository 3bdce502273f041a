using Brownian.Formats.Images;
using Brownian.Inference.Engines;
using Brownian.Models.Plans;
using Brownian.Models.Stages;

namespace Brownian.Inference.Stages;

/// <summary>Encodes the images that the settings name. Output: <c>embedding</c>, [1, width] per image.</summary>
/// <param name="engines">The engines that provide encoders.</param>
public sealed class ImageEncodeRunner(IEngines engines) : IStageRunner
{
    /// <inheritdoc/>
    public string Kind => StageKind.ImageEncode;

    /// <inheritdoc/>
    public async Task RunAsync(IStageContext context, CancellationToken cancellationToken)
    {
        ImageEncodeSettings settings = StageSettings.Read<ImageEncodeSettings>(context.Stage);
        using EngineLease<IImageEncoder> lease =
            await engines.ImageEncoderAsync(context.Stage.Model!, context.Stage.Fingerprint, cancellationToken).ConfigureAwait(false);
        for (int i = context.Kept("embedding"); i < settings.Images.Count; i++)
        {
            Raster image =
                await StageImages.ReadAsync(context, settings.Images[i], settings.Field ?? "init_image", cancellationToken).ConfigureAwait(false);
            await context.KeepAsync(
                "embedding", StageValue.From(await lease.Engine.EncodeAsync(image, cancellationToken).ConfigureAwait(false)),
                cancellationToken).ConfigureAwait(false);
        }
    }
}
