namespace Brownian.Inference.Engines;

/// <summary>A text to encode, and how.</summary>
public sealed record TextPrompt
{
    /// <summary>Any text without lone surrogates.</summary>
    public required string Text { get; init; }

    /// <summary>What a second encoder is given; null for the same.</summary>
    public string? Second { get; init; }

    /// <summary>How many of the last layers are left out, 0 and above; the encoders of XL leave out one more of their own.</summary>
    public int ClipSkip { get; init; }

    /// <summary>A text alone.</summary>
    public static implicit operator TextPrompt(string text) => new() { Text = text };
}
