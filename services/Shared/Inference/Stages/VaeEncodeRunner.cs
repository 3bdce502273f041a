using Brownian.Formats.Images;
using Brownian.Formats.Tensors;
using Brownian.Imaging.Preparation;
using Brownian.Inference.Engines;
using Brownian.Models.Families;
using Brownian.Models.Plans;
using Brownian.Models.Stages;

namespace Brownian.Inference.Stages;

/// <summary>
/// Encodes images: those of the input <c>pixels</c> ([height, width, 3], bytes), one per image, or the image that the request names, for all images.
/// Alternatively it reads a file of latents, provides the stored outputs of an earlier run, or outputs the image's numbers themselves, for models
/// that denoise pixels. Outputs: <c>image</c> as <see cref="IVaeEncoder"/> returns it, and with a mask <c>mask</c> ([1, 1, height, width] in latents)
/// and <c>masked-image</c>.
/// </summary>
/// <param name="engines">The engines that provide encoders.</param>
public sealed class VaeEncodeRunner(IEngines engines) : IStageRunner
{
    /// <inheritdoc/>
    public string Kind => StageKind.VaeEncode;

    /// <inheritdoc/>
    public async Task RunAsync(IStageContext context, CancellationToken cancellationToken)
    {
        VaeEncodeSettings settings = StageSettings.Read<VaeEncodeSettings>(context.Stage);
        if (settings.Latents is { } latents)
        {
            await KeepLatentsAsync(context, latents, cancellationToken).ConfigureAwait(false);
            return;
        }
        if (settings.Kept is { } kept)
        {
            await LoadKeptAsync(context, kept, cancellationToken).ConfigureAwait(false);
            return;
        }
        if (settings.Pixels is { } range)
        {
            await KeepPixelsAsync(context, settings, range, cancellationToken).ConfigureAwait(false);
            return;
        }
        using EngineLease<IVaeEncoder> lease =
            await engines.VaeEncoderAsync(context.Stage.Model!, context.Stage.Fingerprint, cancellationToken).ConfigureAwait(false);
        if (settings.Image is not null)
        {
            await EncodeNamedAsync(context, settings, lease.Engine, cancellationToken).ConfigureAwait(false);
            return;
        }
        IReadOnlyList<StageValue> pixels = await context.InputAsync("pixels", cancellationToken).ConfigureAwait(false);
        for (int imageIndex = context.Kept("image"); imageIndex < pixels.Count; imageIndex++)
        {
            if (context.ReturnsSoon && imageIndex > 0)
            {
                throw new StageReturnedException();
            }
            Tensor image = new VaePreparation(settings.Scale).Prepare(pixels[imageIndex].ToImage(), Side(settings.Width), Side(settings.Height));
            await context.KeepAsync(
                "image", StageValue.From(await lease.Engine.EncodeAsync(image, settings.Tiled, cancellationToken).ConfigureAwait(false)),
                cancellationToken)
                .ConfigureAwait(false);
        }
    }

    private static int? Side(int pixels) => pixels == 0 ? null : pixels;

    private static async Task KeepLatentsAsync(IStageContext context, string id, CancellationToken cancellationToken)
    {
        Tensor all = NpyFile.Read((await context.ImageAsync(id, cancellationToken).ConfigureAwait(false)).Span);
        int length = all.Values.Length / all.Shape[0];
        for (int imageIndex = context.Kept("image"); imageIndex < all.Shape[0]; imageIndex++)
        {
            await context.KeepAsync(
                "image", StageValue.From(new Tensor(all.Values.AsSpan(imageIndex * length, length).ToArray(), [1, .. all.Shape.Skip(1)])),
                cancellationToken)
                .ConfigureAwait(false);
        }
    }

    /// <summary>Provides the stored outputs of an earlier run, one value of each output for every image.</summary>
    private static async Task LoadKeptAsync(IStageContext context, string id, CancellationToken cancellationToken)
    {
        PartialResult kept = PartialResult.Read((await context.ImageAsync(id, cancellationToken).ConfigureAwait(false)).ToArray(), id);
        foreach (string source in kept.Images[0].Keys.Order(StringComparer.Ordinal))
        {
            string output = PartialResult.NameOf(source);
            for (int imageIndex = context.Kept(output); imageIndex < kept.Images.Count; imageIndex++)
            {
                await context.KeepAsync(output, kept.ValueOf(imageIndex, source), cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static async Task KeepPixelsAsync(
        IStageContext context, VaeEncodeSettings settings, PixelRange range, CancellationToken cancellationToken)
    {
        Raster imageIndex = await StageImages.ReadAsync(context, settings.Image!, "init_image", cancellationToken).ConfigureAwait(false);
        var preparation = new VaePreparation(Multiple: 1, ResampleFilter.Bicubic);
        if (context.Kept("image") == 0)
        {
            Tensor image = preparation.Prepare(imageIndex, Side(settings.Width), Side(settings.Height), normalize: range == PixelRange.Stretched);
            if (range == PixelRange.Halved)
            {
                for (int i = 0; i < image.Values.Length; i++)
                {
                    image.Values[i] = MathF.Round(image.Values[i] * 255) / 127.5f - 1;
                }
            }
            await context.KeepAsync("image", StageValue.From(image), cancellationToken).ConfigureAwait(false);
        }
        if (settings.Mask is { } id && context.Kept("mask") == 0)
        {
            // Converted to gray first, unlike the masks of VAEs.
            Raster mask = (await StageImages.ReadMaskAsync(context, id, cancellationToken).ConfigureAwait(false)).ToGrey();
            await context.KeepAsync(
                "mask", StageValue.From(preparation.PrepareMask(mask, Side(settings.Width), Side(settings.Height))),
                cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task EncodeNamedAsync(
        IStageContext context, VaeEncodeSettings settings, IVaeEncoder encoder, CancellationToken cancellationToken)
    {
        Raster imageIndex = await StageImages.ReadAsync(context, settings.Image!, "init_image", cancellationToken).ConfigureAwait(false);
        Raster? maskImage = settings.Mask is { } id
            ? await StageImages.ReadMaskAsync(context, id, cancellationToken).ConfigureAwait(false)
            : null;
        CropRegion? crop = settings.PaddingMaskCrop is { } padding
            ? StageImages.Around(maskImage!, settings.Width, settings.Height, padding)
            : null;
        ResizeMode mode = crop is null ? ResizeMode.Stretch : ResizeMode.Fill;
        var preparation = new VaePreparation(settings.Scale);
        Tensor image = preparation.Prepare(imageIndex, Side(settings.Width), Side(settings.Height), mode, crop);
        if (settings.Whole && context.Kept("image") == 0)
        {
            await KeepAsync("image", image).ConfigureAwait(false);
        }
        if (maskImage is null)
        {
            return;
        }
        Tensor mask = preparation.PrepareMask(maskImage, Side(settings.Width), Side(settings.Height), mode, crop);
        if (settings.Masked && context.Kept("masked-image") == 0)
        {
            int plane = mask.Values.Length;
            var masked = new float[image.Values.Length];
            for (int i = 0; i < masked.Length; i++)
            {
                masked[i] = mask.Values[i % plane] < 0.5f ? image.Values[i] : 0;
            }
            await KeepAsync("masked-image", new Tensor(masked, image.Shape)).ConfigureAwait(false);
        }
        if (context.Kept("mask") == 0)
        {
            Tensor latent = Interpolation.Resize(mask, mask.Shape[2] / settings.Scale, mask.Shape[3] / settings.Scale, InterpolationMode.Nearest);
            await context.KeepAsync("mask", StageValue.From(latent), cancellationToken).ConfigureAwait(false);
        }

        async Task KeepAsync(string output, Tensor pixels) => await context.KeepAsync(
            output, StageValue.From(await encoder.EncodeAsync(pixels, settings.Tiled, cancellationToken).ConfigureAwait(false)),
            cancellationToken).ConfigureAwait(false);
    }
}
