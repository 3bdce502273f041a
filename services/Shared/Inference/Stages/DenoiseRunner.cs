using Brownian.Inference.Engines;
using Brownian.Inference.Images;
using Brownian.Inference.Plans;
using Brownian.Inference.Tensors;

namespace Brownian.Inference.Stages;

/// <summary>
/// Denoises the pictures of a stage one after the other, so that a picture's bytes never depend on what it was asked with. Inputs:
/// <c>embedding</c>, <c>negative</c> with guidance, and where another denoising came before <c>latents</c> (one a picture: the run begins
/// from them instead of noise) and <c>generator</c> (one a picture: the run draws on from its state). Outputs, one a picture: <c>latents</c>
/// and <c>generator</c>. Previews are the latents as they are, through the model's own decoder.
/// </summary>
/// <param name="engines">Where denoisers are.</param>
public sealed class DenoiseRunner(IEngines engines) : IStageRunner
{
    /// <inheritdoc/>
    public string Kind => StageKind.Denoise;

    /// <inheritdoc/>
    public async Task RunAsync(IStageContext context, CancellationToken cancellationToken)
    {
        PlanStage stage = context.Stage;
        DenoiseSettings settings = StageSettings.Read<DenoiseSettings>(stage);
        Tensor embedding = (await context.InputAsync("embedding", cancellationToken).ConfigureAwait(false))[0].ToTensor();
        Tensor? negative = await OptionalAsync("negative").ConfigureAwait(false) is [var given, ..] ? given.ToTensor() : null;
        IReadOnlyList<StageValue> starts = await OptionalAsync("latents").ConfigureAwait(false);
        IReadOnlyList<StageValue> generators = await OptionalAsync("generator").ConfigureAwait(false);
        using EngineLease<IDenoiser> lease = await engines.DenoiserAsync(stage.Model!, stage.Fingerprint, cancellationToken).ConfigureAwait(false);
        ReadOnlyMemory<byte> checkpoint = context.Checkpoint;
        for (int picture = context.Kept("generator"); picture < settings.Seeds.Count; picture++)
        {
            DenoiseTask task = settings.ToTask(picture, embedding, negative) with
            {
                StartLatents = starts.Count > 0 ? starts[picture].ToTensor() : null,
                GeneratorState = generators.Count > 0 ? generators[picture].Bytes : default,
            };
            IDenoising run = Begin(lease.Engine, task, picture, checkpoint);
            await DenoiseAsync(run, picture).ConfigureAwait(false);
            DenoiseResult result = run.Result();
            if (context.Kept("latents") == picture)
            {
                await context.KeepAsync("latents", StageValue.From(result.Latents), cancellationToken).ConfigureAwait(false);
            }
            // Kept last: it says that the picture is whole.
            await context.KeepAsync("generator", StageValue.From(result.GeneratorState), cancellationToken).ConfigureAwait(false);
            if (context.ReturnsSoon && picture + 1 < settings.Seeds.Count)
            {
                throw new StageReturnedException();
            }
        }

        async Task<IReadOnlyList<StageValue>> OptionalAsync(string input) =>
            stage.Inputs.ContainsKey(input) ? await context.InputAsync(input, cancellationToken).ConfigureAwait(false) : [];

        async Task DenoiseAsync(IDenoising run, int picture)
        {
            int saved = run.Evaluation;
            while (!run.IsDone)
            {
                var before = new StageProgress(picture, settings.Seeds.Count, run.Evaluation, run.Evaluations);
                if (context.ReturnsSoon && context.CheckpointEvery > 0)
                {
                    await context.SaveAsync(DenoiseCheckpoint.Write(picture, run.Save()), before, cancellationToken).ConfigureAwait(false);
                    throw new StageReturnedException();
                }
                if (context.CheckpointEvery > 0 && run.Evaluation - saved >= context.CheckpointEvery)
                {
                    await context.SaveAsync(DenoiseCheckpoint.Write(picture, run.Save()), before, cancellationToken).ConfigureAwait(false);
                    saved = run.Evaluation;
                }
                await run.EvaluateAsync(cancellationToken).ConfigureAwait(false);
                var after = new StageProgress(picture, settings.Seeds.Count, run.Evaluation, run.Evaluations);
                await context.ReportAsync(after, cancellationToken).ConfigureAwait(false);
                if (settings.PreviewEvery > 0 && run.Evaluation % settings.PreviewEvery == 0 && !run.IsDone)
                {
                    using EngineLease<IVaeDecoder> decoder = await engines.VaeDecoderAsync(stage.Model!, stage.Fingerprint, cancellationToken).ConfigureAwait(false);
                    PixelImage image = await decoder.Engine.DecodeAsync(run.Latents(), cancellationToken).ConfigureAwait(false);
                    await context.PreviewAsync(after, ImageFile.EncodePreview(image, settings.PreviewSize), cancellationToken).ConfigureAwait(false);
                }
            }
        }
    }

    /// <summary>Goes on from a checkpoint of the picture; one that does not fit, as of another version, is no reason to fail: the run begins again.</summary>
    private static IDenoising Begin(IDenoiser denoiser, DenoiseTask task, int picture, ReadOnlyMemory<byte> checkpoint)
    {
        if (DenoiseCheckpoint.Read(checkpoint) is { } saved && saved.Picture == picture)
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
