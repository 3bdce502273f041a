using System.Numerics.Tensors;
using Brownian.Diffusion.Numerics;
using Brownian.Inference.Engines;
using Brownian.Models.Plans;
using Brownian.Models.Stages;
using Tensor = Brownian.Formats.Tensors.Tensor;

namespace Brownian.Inference.Stages;

/// <summary>
/// Encodes the texts of a stage, each to the output of its name: [1, tokens, width]. For models with pooled embeddings, there is another output with
/// the suffix <see cref="TextEncodeSettings.PooledSuffix"/>: [1, width]. For models that distinguish padding from tokens, there is another one with
/// the suffix <see cref="TextEncodeSettings.MaskSuffix"/>: [1, tokens]. All texts are encoded to the same number of tokens: shorter ones are padded
/// with empty chunks. With a projection, texts that were encoded before (inputs of the same names) are combined with the input <c>image</c>, one per
/// image. A blend interpolates frames between two ends.
/// </summary>
/// <param name="engines">The engines that provide encoders.</param>
public sealed class TextEncodeRunner(IEngines engines) : IStageRunner
{
    /// <inheritdoc/>
    public string Kind => StageKind.TextEncode;

    /// <inheritdoc/>
    public async Task RunAsync(IStageContext context, CancellationToken cancellationToken)
    {
        TextEncodeSettings settings = StageSettings.Read<TextEncodeSettings>(context.Stage);
        if (settings.Blend is { } blend)
        {
            await BlendAsync(context, blend, cancellationToken).ConfigureAwait(false);
            return;
        }
        if (settings.Projection is { } projection)
        {
            await ProjectAsync(context, projection, cancellationToken).ConfigureAwait(false);
            return;
        }
        using EngineLease<ITextEncoder> lease =
            await engines.TextEncoderAsync(context.Stage.Model!, context.Stage.Fingerprint, settings.Adapters, cancellationToken)
                .ConfigureAwait(false);
        var encodings = new SortedDictionary<string, TextEncoding>(StringComparer.Ordinal);
        foreach ((string output, TextPrompt text) in settings.Texts)
        {
            encodings[output] = await lease.Engine.EncodeAsync(text, cancellationToken).ConfigureAwait(false);
        }
        int chunks = encodings.Values.Max(encoding => encoding.Prompt.Chunks);
        foreach ((string output, TextPrompt text) in settings.Texts)
        {
            if (encodings[output].Prompt.Chunks < chunks)
            {
                encodings[output] = await lease.Engine.EncodeAsync(text with { Chunks = chunks }, cancellationToken).ConfigureAwait(false);
            }
        }
        foreach ((string output, TextEncoding encoding) in encodings)
        {
            context.Trace(output, encoding);
            string what = output.StartsWith("negative", StringComparison.Ordinal) ? "negative prompt" : "prompt";
            if (encoding.Prompt.Unknown is { } unknown && context.Kept(output) == 0)
            {
                await context.WarnAsync(
                    $"the {what} has characters that the model's text encoder does not know, and that have no effect: {unknown}",
                    cancellationToken).ConfigureAwait(false);
            }
            if (encoding.Prompt.Cut is { } cut && context.Kept(output) == 0)
            {
                await context.WarnAsync(
                    $"the {what} is longer than {encoding.Prompt.Window ?? encoding.Prompt.Ids[0].Length} tokens; this was cut: \"{cut}\"",
                    cancellationToken).ConfigureAwait(false);
            }
            await KeepAsync(output, encoding.Features).ConfigureAwait(false);
        }
        foreach (string output in settings.Zeros)
        {
            TextFeatures like = encodings.First().Value.Features;
            await KeepAsync(output, new TextFeatures(Zeros(like.Embedding), like.Pooled is { } pooled ? Zeros(pooled) : null)).ConfigureAwait(false);
        }

        async Task KeepAsync(string output, TextFeatures features)
        {
            if (features.Pooled is { } pooled && context.Kept(output + TextEncodeSettings.PooledSuffix) == 0)
            {
                await context.KeepAsync(output + TextEncodeSettings.PooledSuffix, StageValue.From(pooled), cancellationToken).ConfigureAwait(false);
            }
            if (features.Mask is { } mask && context.Kept(output + TextEncodeSettings.MaskSuffix) == 0)
            {
                await context.KeepAsync(output + TextEncodeSettings.MaskSuffix, StageValue.From(mask), cancellationToken).ConfigureAwait(false);
            }
            if (context.Kept(output) == 0)
            {
                await context.KeepAsync(output, StageValue.From(features.Embedding), cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task ProjectAsync(IStageContext context, ProjectionSettings settings, CancellationToken cancellationToken)
    {
        using EngineLease<ITextProjection> lease =
            await engines.TextProjectionAsync(context.Stage.Model!, context.Stage.Fingerprint, cancellationToken).ConfigureAwait(false);
        IReadOnlyList<StageValue> images = await context.InputAsync("image", cancellationToken).ConfigureAwait(false);
        IReadOnlyList<TextFeatures> prompts = await ReadAsync("prompt").ConfigureAwait(false);
        TextFeatures? negative = settings.IsGuided ? (await ReadAsync("negative").ConfigureAwait(false))[0] : null;
        if (negative is not null && context.Kept("negative") == 0)
        {
            await KeepProjectedAsync("negative", await lease.Engine.ProjectAsync(negative, null, false, cancellationToken).ConfigureAwait(false), 0)
                .ConfigureAwait(false);
        }
        for (int imageIndex = context.Kept("prompt"); imageIndex < images.Count; imageIndex++)
        {
            // A prior's output has the shape of latents.
            float[] image = images[imageIndex].ToTensor().Values;
            TextFeatures projected = await lease.Engine.ProjectAsync(
                prompts[prompts.Count == 1 ? 0 : imageIndex], new Tensor(image, [1, image.Length]), settings.IsPriors,
                cancellationToken).ConfigureAwait(false);
            await KeepProjectedAsync("prompt", projected, imageIndex).ConfigureAwait(false);
        }

        async Task<IReadOnlyList<TextFeatures>> ReadAsync(string text)
        {
            IReadOnlyList<StageValue> embeddings = await context.InputAsync(text, cancellationToken).ConfigureAwait(false);
            IReadOnlyList<StageValue> pooled =
                await context.InputAsync(text + TextEncodeSettings.PooledSuffix, cancellationToken).ConfigureAwait(false);
            IReadOnlyList<StageValue> masks = await context.InputAsync(text + TextEncodeSettings.MaskSuffix, cancellationToken).ConfigureAwait(false);
            return [.. embeddings.Select((embedding, i) => new TextFeatures(embedding.ToTensor(), pooled[i].ToTensor(), masks[i].ToTensor()))];
        }

        // The embedding is stored last, because it marks the others as stored.
        async Task KeepProjectedAsync(string output, TextFeatures features, int imageIndex)
        {
            foreach ((string name, Tensor value) in ((string, Tensor)[])[(output + TextEncodeSettings.PooledSuffix, features.Pooled!),
                (output + TextEncodeSettings.MaskSuffix, features.Mask!),
                (output, features.Embedding)])
            {
                if (context.Kept(name) == imageIndex)
                {
                    await context.KeepAsync(name, StageValue.From(value), cancellationToken).ConfigureAwait(false);
                }
            }
        }
    }

    /// <summary>
    /// Interpolates vectors on the sphere, each token separately. A token that is set in at least one of the two masks is set in between.
    /// </summary>
    private static async Task BlendAsync(IStageContext context, BlendSettings settings, CancellationToken cancellationToken)
    {
        const string First = "first-", Second = "second-";
        foreach (
            string name in context.Stage.Inputs.Keys.Where(input => input.StartsWith(First, StringComparison.Ordinal))
                .Select(input => input[First.Length..]).Order(StringComparer.Ordinal))
        {
            Tensor first = (await context.InputAsync(First + name, cancellationToken).ConfigureAwait(false))[0].ToTensor();
            Tensor second = (await context.InputAsync(Second + name, cancellationToken).ConfigureAwait(false))[0].ToTensor();
            bool isMask = name.EndsWith(TextEncodeSettings.MaskSuffix, StringComparison.Ordinal), isLatent = first.Shape.Count == 4;
            for (int frame = context.Kept(name); frame < settings.Frames; frame++)
            {
                double place = (double)frame / (settings.Frames - 1);
                var values = new float[first.Values.Length];
                if (isMask && frame > 0 && frame < settings.Frames - 1)
                {
                    TensorPrimitives.Max(first.Values, second.Values, values);
                }
                else
                {
                    SphericalInterpolation.Mix(first.Values, second.Values, isLatent ? values.Length : first.Shape[^1], place, values);
                }
                await context.KeepAsync(name, StageValue.From(new Tensor(values, first.Shape)), cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static Tensor Zeros(Tensor like) => new(new float[like.Values.Length], like.Shape);
}
