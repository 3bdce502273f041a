using Brownian.Inference.Models;

namespace Brownian.Inference.Adapters;

/// <summary>
/// Textual inversion (arxiv.org/abs/2208.01618): vectors that a text encoder reads for a token of its own. Three forms are read: diffusers'
/// (<c>{"TOKEN": [n, width]}</c>), AUTOMATIC1111's (<c>{"emb_params": [n, width]}</c>), and the one for two text encoders
/// (<c>{"clip_l": [n, width], "clip_g": [n, width]}</c>). Immutable.
/// </summary>
public sealed class TextualInversion
{
    /// <summary>Vectors of one token, at most: so many ids a text encoder reads besides start and end.</summary>
    public const int MostVectors = 75;

    /// <summary>The longest token, in characters.</summary>
    public const int LongestToken = 100;

    private const string Automatic = "emb_params";
    private const string First = "clip_l";
    private const string Second = "clip_g";

    private readonly float[] _vectors;
    private readonly float[]? _secondVectors;

    private TextualInversion(SafetensorsFile file, string token, int count, float[] vectors, float[]? secondVectors)
    {
        Name = file.Name;
        Sha256 = file.Sha256;
        Token = token;
        Count = count;
        _vectors = vectors;
        _secondVectors = secondVectors;
    }

    /// <summary>What the file is called in messages.</summary>
    public string Name { get; }

    /// <summary>SHA-256 of the file's bytes; lower-case hexadecimal.</summary>
    public string Sha256 { get; }

    /// <summary>What stands for the vectors in a prompt.</summary>
    public string Token { get; }

    /// <summary>Vectors, 1..<see cref="MostVectors"/>.</summary>
    public int Count { get; }

    /// <summary>Whether it has vectors for each of two text encoders.</summary>
    public bool IsForTwoEncoders => _secondVectors is not null;

    /// <summary>Reads a file.</summary>
    /// <param name="file">A <c>.safetensors</c> file.</param>
    /// <param name="token">What is to stand for it in prompts; null for the token that the file names, or, where it names none, the file's name without its ending, as AUTOMATIC1111 has it.</param>
    /// <param name="name">What messages call the file; null for its own name.</param>
    /// <exception cref="ModelException">It is damaged, of no form that is read, has values that are not finite, or its token cannot be one.</exception>
    public static TextualInversion Read(string file, string? token = null, string? name = null) => Parse(SafetensorsFile.Read(file, name), token);

    /// <summary>Takes a file's tensors for a textual inversion's.</summary>
    /// <param name="file">The file.</param>
    /// <param name="token">See <see cref="Read"/>.</param>
    /// <exception cref="ModelException">See <see cref="Read"/>.</exception>
    public static TextualInversion Parse(SafetensorsFile file, string? token)
    {
        SafetensorsTensor[] tensors = [.. file.Tensors.Values];
        if (tensors.Length == 2 && file.Tensors.TryGetValue(First, out SafetensorsTensor? first) && file.Tensors.TryGetValue(Second, out SafetensorsTensor? second))
        {
            int count = CountOf(file, first);
            return CountOf(file, second) == count
                ? new TextualInversion(file, Checked(file, token ?? FileToken(file)), count, file.Values(first), file.Values(second))
                : throw new ModelException($"{file.Name} has [{string.Join(", ", first.Shape)}] for {First} and [{string.Join(", ", second.Shape)}] for {Second}; allowed: as many vectors for both");
        }
        if (tensors is not [var only])
        {
            throw new ModelException(
                $"{file.Name} is no textual inversion: it has {(tensors.Length == 0 ? "no tensors" : $"the tensors {LoraFile.List([.. tensors.Select(tensor => tensor.Name)])}")}; "
                + $"allowed: one tensor named by its token, {Automatic}, or {First} and {Second}");
        }
        return new TextualInversion(
            file, Checked(file, token ?? (only.Name is Automatic or First or Second ? FileToken(file) : only.Name)), CountOf(file, only), file.Values(only), null);
    }

    /// <summary>The vectors for a text encoder, [<see cref="Count"/>, width].</summary>
    /// <param name="isSecond">Whether for the second of two.</param>
    internal float[] Vectors(bool isSecond) => isSecond && _secondVectors is not null ? _secondVectors : _vectors;

    private static int CountOf(SafetensorsFile file, SafetensorsTensor tensor)
    {
        int count = tensor.Shape is [_] ? 1 : tensor.Shape is [var rows, _] ? rows : 0;
        return count is >= 1 and <= MostVectors && tensor.Count > 0
            ? count
            : throw new ModelException($"{file.Name} has \"{tensor.Name}\" of shape [{string.Join(", ", tensor.Shape)}]; allowed: [vectors, width] with 1..{MostVectors} vectors");
    }

    private static string FileToken(SafetensorsFile file) => Path.GetFileNameWithoutExtension(file.Name);

    private static string Checked(SafetensorsFile file, string token)
    {
        bool fits = token.Length is >= 1 and <= LongestToken && token.Trim().Length == token.Length && !token.Any(char.IsControl)
            && !token.EnumerateRunes().Any(rune => rune == System.Text.Rune.ReplacementChar);
        return fits
            ? token
            : throw new ModelException($"{file.Name} has the token \"{token}\"; allowed: 1..{LongestToken} characters, no white space at its ends, no control characters");
    }
}
