using Brownian.Formats.Files;
using Brownian.Models.Plans;

namespace Brownian.Inference.Engines;

/// <summary>
/// A text encoder in this process with separate tokenization and encoding, so that the ids that determine an embedding are available before it is
/// computed.
/// </summary>
public interface ILocalTextEncoder : ITextEncoder, IDisposable
{
    /// <summary>The number of ids that the (first) encoder receives.</summary>
    int Window { get; }

    /// <summary>The key of the adapters that are merged into the graphs; empty for the model's own graphs.</summary>
    string Adapters { get; }

    /// <summary>Returns the token ids of a prompt.</summary>
    TokenizedPrompt Tokenize(TextPrompt prompt);

    /// <summary>Encodes the result of <see cref="Tokenize"/>.</summary>
    /// <param name="prompt">The prompt, with as many ids as each window.</param>
    /// <param name="cancellationToken">Stops within the run.</param>
    /// <exception cref="ModelException">The graphs failed, or do not output the requested layer.</exception>
    Task<TextFeatures> EncodeAsync(TokenizedPrompt prompt, CancellationToken cancellationToken);
}
