using Brownian.Formats.Files;
using Brownian.Models.Plans;

namespace Brownian.Inference.Engines;

/// <summary>Encodes prompts to embeddings.</summary>
public interface ITextEncoder
{
    /// <summary>Encodes one prompt.</summary>
    /// <param name="prompt">The text.</param>
    /// <param name="cancellationToken">Stops within the run.</param>
    /// <exception cref="ModelException">The graphs failed, or do not output the requested layer.</exception>
    Task<TextEncoding> EncodeAsync(TextPrompt prompt, CancellationToken cancellationToken);
}
