using Brownian.Formats.Images;
using Brownian.Imaging;
using Brownian.Imaging.Preparation;
using Brownian.Models.Families;
using Brownian.Models.Plans;
using Brownian.Models.Stages;

namespace Brownian.Inference.Stages;

/// <summary>
/// Writes images as files. Input <c>pixels</c>, one per image: [height, width, 3] bytes, or [1, 3, height, width] numbers in about [-1, 1]. The files
/// are the job's artifacts. Alternatively it writes one file with the contents of every input, from which another plan resumes.
/// </summary>
public sealed class WriteRunner : IStageRunner
{
    /// <inheritdoc/>
    public string Kind => StageKind.Write;

    /// <inheritdoc/>
    public async Task RunAsync(IStageContext context, CancellationToken cancellationToken)
    {
        WriteSettings settings = StageSettings.Read<WriteSettings>(context.Stage);
        if (settings.Keep is { } keep)
        {
            await KeepAsync(context, settings, keep, cancellationToken).ConfigureAwait(false);
            return;
        }
        IReadOnlyList<StageValue> pixels = await context.InputAsync("pixels", cancellationToken).ConfigureAwait(false);
        Func<PixelImage, PixelImage> lay = settings.Overlay is { } overlay
            ? await OverlayAsync(context, overlay, cancellationToken).ConfigureAwait(false)
            : static image => image;
        for (int imageIndex = 0; imageIndex < pixels.Count; imageIndex++)
        {
            PixelImage image = lay(pixels[imageIndex].ToImage());
            context.Trace("picture", image);
            ulong seed = settings.Seeds[imageIndex];
            byte[] bytes = ImageWriter.Encode(image, settings.Output, settings.Parameters.For(seed));
            await context.AddArtifactAsync(
                new StageArtifact(imageIndex, seed, image.Width, image.Height, ImageFormats.MediaType(settings.Output.Format), bytes),
                cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task KeepAsync(
        IStageContext context, WriteSettings settings, PartialResultSettings keep, CancellationToken cancellationToken)
    {
        var images = new Dictionary<string, List<StageValue>>[keep.Images];
        for (int i = 0; i < images.Length; i++)
        {
            images[i] = new Dictionary<string, List<StageValue>>(StringComparer.Ordinal);
        }
        foreach (string source in context.Stage.Inputs.Keys)
        {
            // One value for all images, or one per image.
            IReadOnlyList<StageValue> values = await context.InputAsync(source, cancellationToken).ConfigureAwait(false);
            for (int i = 0; i < images.Length; i++)
            {
                images[i][source] = values.Count == images.Length ? [values[i]] : [.. values];
            }
        }
        byte[] file = new PartialResult(keep.Request, keep.StopAfter, keep.Done, images).ToBytes();
        await context.AddArtifactAsync(new StageArtifact(0, settings.Seeds[0], 0, 0, PartialResult.MediaType, file), cancellationToken)
            .ConfigureAwait(false);
    }

    private static async Task<Func<PixelImage, PixelImage>> OverlayAsync(
        IStageContext context, OverlaySettings overlay, CancellationToken cancellationToken)
    {
        Raster imageIndex = await StageImages.ReadAsync(context, overlay.Image, "init_image", cancellationToken, warns: false).ConfigureAwait(false);
        Raster mask = await StageImages.ReadMaskAsync(context, overlay.Mask, cancellationToken, warns: false).ConfigureAwait(false);
        CropRegion crop = StageImages.Around(mask, overlay.Width, overlay.Height, overlay.PaddingMaskCrop);
        return image => MaskOverlay.Apply(mask, imageIndex, image, crop);
    }
}
