using Brownian.Formats.Files;
using Brownian.Models.Plans;

namespace Brownian.Inference.Engines;

/// <summary>A text encoder in this process, whose two halves can be done apart: what decides an embedding is known before it is computed.</summary>
public interface ILocalTextEncoder : ITextEncoder, IDisposable
{
    /// <summary>The number of ids that the (first) encoder is given.</summary>
    int Window { get; }

    /// <summary>What tells the graphs from the model's own; empty for those.</summary>
    string Adapters { get; }

    /// <summary>The ids that a prompt becomes.</summary>
    TokenizedPrompt Tokenize(TextPrompt prompt);

    /// <summary>Encodes what <see cref="Tokenize"/> gave.</summary>
    /// <param name="prompt">As many ids as each window.</param>
    /// <param name="cancellationToken">Stops within the run.</param>
    /// <exception cref="ModelException">The graphs failed, or do not give the layer that is asked for.</exception>
    Task<TextFeatures> EncodeAsync(TokenizedPrompt prompt, CancellationToken cancellationToken);
}
