using Brownian.Import.SingleFiles;

namespace Brownian.Import.Folders;

/// <summary>A text encoder that a model has.</summary>
/// <param name="Part">The name of its folder.</param>
/// <param name="Kind">Its kind.</param>
/// <param name="Own">The encoder in the model's file; null when the file has none.</param>
internal sealed record TextSlot(string Part, TextEncoderKind Kind, TextEncoderWeights? Own)
{
    /// <summary>Whether the projection of the pooled text is used.</summary>
    public bool IsProjected { get; init; }

    /// <summary>Whether the configuration beside an encoder decides instead whether its projection is used.</summary>
    public bool IsProjectedByConfig { get; init; }

    /// <summary>Whether the model works without it.</summary>
    public bool IsOptional { get; init; }

    /// <summary>The name of its tokenizer's folder.</summary>
    public string Tokenizer => Part.Replace("text_encoder", "tokenizer", StringComparison.Ordinal);

    /// <summary>What messages call it.</summary>
    public string Name => NameOf(Kind);

    /// <summary>Returns what messages call a kind.</summary>
    public static string NameOf(TextEncoderKind kind) => kind switch
    {
        TextEncoderKind.Clip => "CLIP-L",
        TextEncoderKind.OpenClip => "OpenCLIP",
        _ => "T5",
    };
}
