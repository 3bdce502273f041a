using Brownian.Inference.Engines;
using Brownian.Inference.Plans;

namespace Brownian.Inference.Stages;

/// <summary>Encodes the texts of a stage, each to the output of its name: [1, tokens, width].</summary>
/// <param name="engines">Where encoders are.</param>
public sealed class TextEncodeRunner(IEngines engines) : IStageRunner
{
    /// <inheritdoc/>
    public string Kind => StageKind.TextEncode;

    /// <inheritdoc/>
    public async Task RunAsync(IStageContext context, CancellationToken cancellationToken)
    {
        TextEncodeSettings settings = StageSettings.Read<TextEncodeSettings>(context.Stage);
        using EngineLease<ITextEncoder> lease =
            await engines.TextEncoderAsync(context.Stage.Model!, context.Stage.Fingerprint, cancellationToken).ConfigureAwait(false);
        foreach ((string output, string text) in settings.Texts.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            if (context.Kept(output) > 0)
            {
                continue;
            }
            TextEncoding encoding = await lease.Engine.EncodeAsync(text, cancellationToken).ConfigureAwait(false);
            if (encoding.Cut is { } cut)
            {
                await context.WarnAsync($"the {(output == "negative" ? "negative prompt" : output)} is longer than {encoding.TokenIds.Count} tokens; this was cut: \"{cut}\"", cancellationToken)
                    .ConfigureAwait(false);
            }
            await context.KeepAsync(output, StageValue.From(encoding.Embedding), cancellationToken).ConfigureAwait(false);
        }
    }
}
