using Brownian.Requests.Prompts;

namespace Brownian.Models.Plans;

/// <summary>A text to encode, and its encoding options.</summary>
public sealed record TextPrompt
{
    /// <summary>The text: any text without lone surrogates.</summary>
    public required string Text { get; init; }

    /// <summary>The text for a second encoder; null for the same text.</summary>
    public string? Second { get; init; }

    /// <summary>The text for a third encoder; null for the text of the first one.</summary>
    public string? Third { get; init; }

    /// <summary>The window of a T5 encoder, in tokens; null for the model's. The window of CLIP encoders is fixed.</summary>
    public int? Window { get; init; }

    /// <summary>The number of last layers that are left out, 0 and above. XL's encoders always leave out one more.</summary>
    public int ClipSkip { get; init; }

    /// <summary>The syntax of the text: whether it contains attention weights and BREAK.</summary>
    public PromptSyntax Syntax { get; init; }

    /// <summary>Whether a text longer than the encoder's window is encoded in chunks of the window's length; otherwise it is truncated.</summary>
    public bool IsLong { get; init; }

    /// <summary>The minimum number of chunks. Empty chunks are appended to a shorter text.</summary>
    public int Chunks { get; init; } = 1;

    /// <summary>Converts a text to a prompt with default options.</summary>
    public static implicit operator TextPrompt(string text) => new() { Text = text };
}
