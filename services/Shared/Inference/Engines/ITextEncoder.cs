namespace Brownian.Inference.Engines;

/// <summary>Turns prompts into embeddings.</summary>
public interface ITextEncoder
{
    /// <summary>Encodes one prompt.</summary>
    /// <param name="prompt">Any text without lone surrogates.</param>
    /// <param name="cancellationToken">Stops within the run.</param>
    Task<TextEncoding> EncodeAsync(string prompt, CancellationToken cancellationToken);
}
