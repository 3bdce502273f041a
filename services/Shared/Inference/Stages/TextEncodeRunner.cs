using Brownian.Inference.Engines;
using Brownian.Inference.Plans;
using Brownian.Inference.Tensors;

namespace Brownian.Inference.Stages;

/// <summary>
/// Encodes the texts of a stage, each to the output of its name: [1, tokens, width]; and where the model pools them to another one that ends
/// in <see cref="Pooled"/>: [1, width]. All texts come to the same number of tokens: shorter ones are filled up with empty chunks.
/// </summary>
/// <param name="engines">Where encoders are.</param>
public sealed class TextEncodeRunner(IEngines engines) : IStageRunner
{
    /// <summary>What the names of pooled embeddings end in.</summary>
    public const string Pooled = "-pooled";

    /// <inheritdoc/>
    public string Kind => StageKind.TextEncode;

    /// <inheritdoc/>
    public async Task RunAsync(IStageContext context, CancellationToken cancellationToken)
    {
        TextEncodeSettings settings = StageSettings.Read<TextEncodeSettings>(context.Stage);
        using EngineLease<ITextEncoder> lease =
            await engines.TextEncoderAsync(context.Stage.Model!, context.Stage.Fingerprint, settings.Adapters, cancellationToken).ConfigureAwait(false);
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
            if (encoding.Prompt.Cut is { } cut && context.Kept(output) == 0)
            {
                string what = output.StartsWith("negative", StringComparison.Ordinal) ? "negative prompt" : "prompt";
                await context.WarnAsync($"the {what} is longer than {encoding.Prompt.Ids[0].Length} tokens; this was cut: \"{cut}\"", cancellationToken).ConfigureAwait(false);
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
            if (features.Pooled is { } pooled && context.Kept(output + Pooled) == 0)
            {
                await context.KeepAsync(output + Pooled, StageValue.From(pooled), cancellationToken).ConfigureAwait(false);
            }
            if (context.Kept(output) == 0)
            {
                await context.KeepAsync(output, StageValue.From(features.Embedding), cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static Tensor Zeros(Tensor like) => new(new float[like.Values.Length], like.Shape);
}
