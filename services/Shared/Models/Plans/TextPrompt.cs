using Brownian.Requests.Prompts;

namespace Brownian.Models.Plans;

/// <summary>A text to encode, and how.</summary>
public sealed record TextPrompt
{
    /// <summary>Any text without lone surrogates.</summary>
    public required string Text { get; init; }

    /// <summary>What a second encoder is given; null for the same.</summary>
    public string? Second { get; init; }

    /// <summary>What a third encoder is given; null for the same as the first.</summary>
    public string? Third { get; init; }

    /// <summary>The window of a T5 encoder, in tokens; null for its own. CLIP encoders have one of their own.</summary>
    public int? Window { get; init; }

    /// <summary>How many of the last layers are left out, 0 and above; the encoders of XL leave out one more of their own.</summary>
    public int ClipSkip { get; init; }

    /// <summary>How the text is read: attention weights and BREAK, with that syntax.</summary>
    public PromptSyntax Syntax { get; init; }

    /// <summary>Whether a text beyond the encoder's window is encoded in chunks of it; otherwise it is cut.</summary>
    public bool IsLong { get; init; }

    /// <summary>At least so many chunks: empty ones follow a shorter text.</summary>
    public int Chunks { get; init; } = 1;

    /// <summary>A text alone.</summary>
    public static implicit operator TextPrompt(string text) => new() { Text = text };
}
