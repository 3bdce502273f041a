using Brownian.Formats.Images;
using Brownian.Formats.Tensors;
using Brownian.Imaging.Preparation;
using Brownian.Inference.Engines;
using Brownian.Models.Plans;
using Brownian.Models.Stages;
using Brownian.Requests;

namespace Brownian.Inference.Stages;

/// <summary>
/// Denoises the images of a stage one after the other, so that an image's bytes never depend on the other images. Inputs: <c>embedding</c> for models
/// with a prompt, <c>negative</c> with guidance, <c>pooled</c> and <c>negative-pooled</c> for models with pooled embeddings, <c>image</c>,
/// <c>original</c>, <c>mask</c> and <c>masked-image</c> when the settings state how an image is used, and after another denoising <c>latents</c> (the
/// run starts from them instead of noise) and <c>generator</c> (the run continues drawing from its state). Each input has one value for all images,
/// or one per image. Texts of prompts that change or guide together have inputs that begin with <c>text-</c>. Outputs, one per image: <c>latents</c>
/// and <c>generator</c>.
/// </summary>
/// <param name="engines">The engines that provide denoisers.</param>
public sealed class DenoiseRunner(IEngines engines) : IStageRunner
{
    /// <inheritdoc/>
    public string Kind => StageKind.Denoise;

    /// <inheritdoc/>
    public async Task RunAsync(IStageContext context, CancellationToken cancellationToken)
    {
        PlanStage stage = context.Stage;
        DenoiseSettings settings = StageSettings.Read<DenoiseSettings>(stage);
        var inputs = new Dictionary<string, IReadOnlyList<StageValue>>();
        foreach (string input in stage.Inputs.Keys)
        {
            inputs[input] = await context.InputAsync(input, cancellationToken).ConfigureAwait(false);
        }
        Dictionary<string, Tensor> texts = inputs.Where(input => input.Key.StartsWith("text-", StringComparison.Ordinal))
            .ToDictionary(input => input.Key, input => input.Value[0].ToTensor());
        using EngineLease<IDenoiser> lease = await engines.DenoiserAsync(
            stage.Model!, stage.Fingerprint, settings.Part, settings.Adapters, [.. settings.Controls.Select(control => control.Net)],
            cancellationToken).ConfigureAwait(false);
        ControlCondition[] controls =
            await Task.WhenAll(settings.Controls.Select(control => ReadControlAsync(context, control, cancellationToken))).ConfigureAwait(false);
        ReadOnlyMemory<byte> checkpoint = context.Checkpoint;
        for (int imageIndex = context.Kept("generator"); imageIndex < settings.Seeds.Count; imageIndex++)
        {
            StageValue? Input(string name) =>
                inputs.TryGetValue(name, out IReadOnlyList<StageValue>? values) && values.Count > 0
                    ? values[values.Count == 1 ? 0 : imageIndex]
                    : null;
            DenoiseTask task = settings.ToTask(imageIndex, new DenoiseInputs
            {
                Embedding = Input("embedding")?.ToTensor(),
                Negative = Input("negative")?.ToTensor(),
                Pooled = Input("pooled")?.ToTensor(),
                NegativePooled = Input("negative-pooled")?.ToTensor(),
                Latents = Input("latents")?.ToTensor(),
                Generator = Input("generator")?.Bytes ?? default,
                Image = Resized(settings, Input("image") is { } image ? Numbers(image) : null),
                Original = Input("original")?.ToTensor(),
                MaskedImage = Input("masked-image")?.ToTensor(),
                Mask = Input("mask")?.ToTensor(),
                Texts = texts,
                ExtraInputs = settings.ExtraInputs.SelectMany(further => (string?[])[further.From, further.Negative]).OfType<string>().Distinct()
                    .Where(name => Input(name) is not null).ToDictionary(name => name, name => Input(name)!.ToTensor()),
                Controls = controls,
            });
            IDenoising run;
            try
            {
                run = Begin(lease.Engine, task, imageIndex, checkpoint);
            }
            catch (ArgumentException exception)
            {
                // Outputs of earlier stages always fit; files that a request provides in their place may not.
                throw new InvalidDataException($"Stage {stage.Name}: {exception.Message}", exception);
            }
            await DenoiseAsync(run, imageIndex).ConfigureAwait(false);
            DenoiseResult result = run.Result();
            context.Trace("result", result);
            if (context.Kept("latents") == imageIndex)
            {
                await context.KeepAsync("latents", StageValue.From(result.Latents), cancellationToken).ConfigureAwait(false);
            }
            // Stored last, because it marks the image as complete.
            await context.KeepAsync("generator", StageValue.From(result.GeneratorState), cancellationToken).ConfigureAwait(false);
            if (context.ReturnsSoon && imageIndex + 1 < settings.Seeds.Count)
            {
                throw new StageReturnedException();
            }
        }

        async Task DenoiseAsync(IDenoising run, int imageIndex)
        {
            int saved = run.Evaluation;
            while (!run.IsDone)
            {
                var before = new StageProgress(imageIndex, settings.Seeds.Count, run.Evaluation, run.Evaluations);
                if (context.ReturnsSoon && context.CheckpointEvery > 0)
                {
                    await context.SaveAsync(DenoiseCheckpoint.Write(imageIndex, run.Save()), before, cancellationToken).ConfigureAwait(false);
                    throw new StageReturnedException();
                }
                if (context.CheckpointEvery > 0 && run.Evaluation - saved >= context.CheckpointEvery)
                {
                    await context.SaveAsync(DenoiseCheckpoint.Write(imageIndex, run.Save()), before, cancellationToken).ConfigureAwait(false);
                    saved = run.Evaluation;
                }
                await run.EvaluateAsync(cancellationToken).ConfigureAwait(false);
                var after = new StageProgress(imageIndex, settings.Seeds.Count, run.Evaluation, run.Evaluations);
                await context.ReportAsync(after, cancellationToken).ConfigureAwait(false);
                if (settings.PreviewEvery > 0 && run.Evaluation % settings.PreviewEvery == 0 && !run.IsDone)
                {
                    byte[] preview = settings.IsPixels
                        ? LatentPreview.OfPixels(run.Latents(), settings.PreviewSize)
                        : await LatentPreview.MakeAsync(
                            engines, stage.Model!, stage.Fingerprint, run.Latents(), settings.PreviewSize, cancellationToken).ConfigureAwait(false);
                    await context.PreviewAsync(after, preview, cancellationToken).ConfigureAwait(false);
                }
            }
        }
    }

    /// <summary>Returns a ControlNet's control image, with the same numbers as the reference's <c>prepare_control_image</c>.</summary>
    private static async Task<ControlCondition> ReadControlAsync(IStageContext context, ControlSettings control, CancellationToken cancellationToken)
    {
        Raster imageIndex = await StageImages.ReadAsync(context, control.Image, "control_image", cancellationToken).ConfigureAwait(false);
        if (control.Preprocess == ControlPreprocess.Canny)
        {
            imageIndex = CannyEdges.Find(imageIndex.Channels == 4 ? imageIndex.ToRgb() : imageIndex);
        }
        CropRegion? crop = control.Mask is { } mask
            ? StageImages.Around(
                await StageImages.ReadMaskAsync(context, mask, cancellationToken, warns: false).ConfigureAwait(false), control.Width,
                control.Height, control.PaddingMaskCrop)
            : null;
        // The size is the run's, which is already a valid multiple.
        var preparation = new VaePreparation(Multiple: 1);
        return new ControlCondition
        {
            Net = control.Net,
            Image = preparation.Prepare(
                imageIndex, control.Width, control.Height,
                crop is null
                    ? ResizeMode.Stretch
                    : ResizeMode.Fill, crop, normalize: false, resizesAlpha: true),
            Scale = control.Scale,
            Start = control.Start,
            End = control.End,
            GuessMode = control.GuessMode,
        };
    }

    /// <summary>Returns an image as numbers in [-1, 1]. A decoder outputs bytes, and a model that enlarges images takes numbers.</summary>
    private static Tensor Numbers(StageValue image)
    {
        if (image.Dtype == StageDtype.Float32)
        {
            return image.ToTensor();
        }
        PixelImage imageIndex = image.ToImage();
        var pixels = new Tensor(new float[3 * imageIndex.Width * imageIndex.Height], [1, 3, imageIndex.Height, imageIndex.Width]);
        imageIndex.ToModel(pixels.Values);
        return pixels;
    }

    /// <summary>Returns an image's latents or pixels at the run's size.</summary>
    private static Tensor? Resized(DenoiseSettings settings, Tensor? image)
    {
        if (settings.Image is not { } wanted || image is null)
        {
            return image;
        }
        if (wanted.IsClamped)
        {
            image = new Tensor([.. image.Values.Select(value => Math.Clamp(value, -1f, 1f))], image.Shape);
        }
        return wanted.Resize?.Split('-') is not [string mode, .. var how] ? image
            : image.Shape.Count != 4 || image.Shape.Any(side => side < 1)
            ? throw new InvalidDataException($"[{string.Join(", ", image.Shape)}] is not the shape of an image")
            : Interpolation.Resize(
                image, settings.LatentShape[1], settings.LatentShape[2], Enum.Parse<InterpolationMode>(mode, ignoreCase: true),
                alignCorners: how is ["corners"], antialias: how is ["antialias"]);
    }

    /// <summary>
    /// Resumes from a checkpoint of the image. A checkpoint that does not fit, for example one of another version, is ignored and the run starts
    /// again.
    /// </summary>
    private static IDenoising Begin(IDenoiser denoiser, DenoiseTask task, int imageIndex, ReadOnlyMemory<byte> checkpoint)
    {
        if (DenoiseCheckpoint.Read(checkpoint) is { } saved && saved.Image == imageIndex)
        {
            try
            {
                return denoiser.Restore(task, saved.State);
            }
            catch (InvalidDataException)
            {
                return denoiser.Begin(task);
            }
        }
        return denoiser.Begin(task);
    }
}
