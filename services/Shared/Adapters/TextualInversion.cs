using System.Security.Cryptography;
using Brownian.Formats.Files;
using Brownian.Formats.Safetensors;
using Brownian.Requests.References;

namespace Brownian.Adapters;

/// <summary>
/// Textual inversion (arxiv.org/abs/2208.01618): vectors that a text encoder reads for a new token. Three formats are supported: diffusers'
/// (<c>{"TOKEN": [n, width]}</c>), AUTOMATIC1111's (<c>{"emb_params": [n, width]}</c>), and the formats for two text encoders (<c>{"clip_l": [n,
/// width], "clip_g": [n, width]}</c>, and diffusers' <c>text_encoders_0</c> and <c>text_encoders_1</c>). diffusers' training script for XL writes one
/// file per encoder instead: <see cref="Join"/>. Immutable.
/// </summary>
public sealed class TextualInversion
{
    /// <summary>The maximum number of vectors of one token: the number of ids that a text encoder reads besides start and end.</summary>
    public const int MaxVectors = 75;

    private const string Automatic = "emb_params";
    private const string First = "clip_l";
    private const string Second = "clip_g";

    /// <summary>The names of the tensors for two encoders, the first encoder's first.</summary>
    private static readonly (string First, string Second)[] Pairs = [(First, Second), ("text_encoders_0", "text_encoders_1")];

    private readonly float[] _vectors;
    private readonly float[]? _secondVectors;

    private TextualInversion(SafetensorsFile file, string token, int count, float[] vectors, float[]? secondVectors)
        : this(file.Name, file.Sha256, token, count, vectors, secondVectors)
    {
    }

    private TextualInversion(string name, string sha256, string token, int count, float[] vectors, float[]? secondVectors)
    {
        Name = name;
        Sha256 = sha256;
        Token = token;
        Count = count;
        _vectors = vectors;
        _secondVectors = secondVectors;
    }

    /// <summary>The file's name in messages.</summary>
    public string Name { get; }

    /// <summary>SHA-256 of the file's bytes; lower-case hexadecimal.</summary>
    public string Sha256 { get; }

    /// <summary>The token that represents the vectors in a prompt.</summary>
    public string Token { get; }

    /// <summary>The number of vectors, 1..<see cref="MaxVectors"/>.</summary>
    public int Count { get; }

    /// <summary>The number of values of a vector of the first encoder.</summary>
    public int Width => _vectors.Length / Count;

    /// <summary>Whether it contains vectors for each of two text encoders.</summary>
    public bool IsForTwoEncoders => _secondVectors is not null;

    /// <summary>Reads a file.</summary>
    /// <param name="file">A <c>.safetensors</c> file.</param>
    /// <param name="token">
    /// The token in prompts; null for the token that the file names, or, when it names none, for the file's name without its extension, as in
    /// AUTOMATIC1111.
    /// </param>
    /// <param name="name">The file's name in messages; null for its own name.</param>
    /// <exception cref="ModelException">
    /// The file is damaged, of no supported format, or has values that are not finite, or the token is invalid.
    /// </exception>
    public static TextualInversion Read(string file, string? token = null, string? name = null) => Parse(SafetensorsFile.Read(file, name), token);

    /// <summary>Creates a textual inversion from a file's tensors.</summary>
    /// <param name="file">The file.</param>
    /// <param name="token">See <see cref="Read"/>.</param>
    /// <exception cref="ModelException">See <see cref="Read"/>.</exception>
    public static TextualInversion Parse(SafetensorsFile file, string? token)
    {
        SafetensorsTensor[] tensors = [.. file.Tensors.Values];
        foreach ((string firstName, string secondName) in tensors.Length == 2 ? Pairs : [])
        {
            if (!file.Tensors.TryGetValue(firstName, out SafetensorsTensor? first)
                || !file.Tensors.TryGetValue(secondName, out SafetensorsTensor? second))
            {
                continue;
            }
            int count = CountOf(file, first);
            return CountOf(file, second) == count
                ? new TextualInversion(file, Checked(file, token ?? FileToken(file)), count, file.Values(first), file.Values(second))
                : throw new ModelException(
                    $"{file.Name} has [{string.Join(", ", first.Shape)}] for {firstName} and [{string.Join(", ", second.Shape)}] for {secondName}; "
                    + "allowed: the same number of vectors for both");
        }
        if (tensors is not [var only])
        {
            throw new ModelException(
                $"{file.Name} is not a textual inversion: it has "
                    + $"{(tensors.Length == 0 ? "no tensors" : $"the tensors {LoraFile.List([.. tensors.Select(tensor => tensor.Name)])}")}; "
                + $"allowed: one tensor named by its token, {Automatic}, "
                    + $"{string.Join(", ", Pairs.Select(pair => $"or {pair.First} and {pair.Second}"))}");
        }
        return new TextualInversion(
            file, Checked(file, token ?? (only.Name is Automatic or First or Second ? FileToken(file) : only.Name)), CountOf(file, only),
            file.Values(only), null);
    }

    /// <summary>
    /// Creates an inversion for two encoders from two files of one encoder each, as diffusers' training script for XL writes them
    /// (<c>learned_embeds.safetensors</c> and <c>learned_embeds_2.safetensors</c>). The widths determine which file is for which encoder.
    /// </summary>
    /// <param name="other">The other file, with the same token.</param>
    /// <exception cref="ModelException">The files have different numbers of vectors.</exception>
    internal TextualInversion Join(TextualInversion other) => Count == other.Count
        ? new TextualInversion(
            $"{Name} and {other.Name}",
            Convert.ToHexStringLower(SHA256.HashData([.. Convert.FromHexString(Sha256), .. Convert.FromHexString(other.Sha256)])),
            Token,
            Count,
            _vectors,
            other._vectors)
        {
            IsJoined = true,
        }
        : throw new ModelException(
            $"{Name} has {Count} vectors for \"{Token}\" and {other.Name} has {other.Count}; allowed: the same number for both text encoders");

    /// <summary>Whether the vectors of the two encoders come from two files, which do not state their encoder.</summary>
    private bool IsJoined { get; init; }

    /// <summary>Returns the vectors for a text encoder, [<see cref="Count"/>, width].</summary>
    /// <param name="isSecond">Whether the encoder is the second of two.</param>
    /// <param name="width">The width of the encoder's vectors.</param>
    internal float[] Vectors(bool isSecond, int width)
    {
        (float[] own, float[] others) = isSecond && _secondVectors is not null ? (_secondVectors, _vectors) : (_vectors, _secondVectors ?? _vectors);
        return IsJoined && own.Length / Count != width && others.Length / Count == width ? others : own;
    }

    private static int CountOf(SafetensorsFile file, SafetensorsTensor tensor)
    {
        int count = tensor.Shape is [_] ? 1 : tensor.Shape is [var rows, _] ? rows : 0;
        return count is >= 1 and <= MaxVectors && tensor.Count > 0
            ? count
            : throw new ModelException(
                $"{file.Name} has \"{tensor.Name}\" of shape [{string.Join(", ", tensor.Shape)}]; allowed: "
                    + $"[vectors, width] with 1..{MaxVectors} vectors");
    }

    private static string FileToken(SafetensorsFile file) => Path.GetFileNameWithoutExtension(file.Name);

    private static string Checked(SafetensorsFile file, string token)
    {
        bool fits = token.Length is >= 1 and <= InversionReference.MaxTokenLength && token.Trim().Length == token.Length && !token.Any(char.IsControl)
            && !token.EnumerateRunes().Any(rune => rune == System.Text.Rune.ReplacementChar);
        return fits
            ? token
            : throw new ModelException(
                $"{file.Name} has the token \"{token}\"; allowed: 1..{InversionReference.MaxTokenLength} characters, no white "
                    + $"space at its ends, no control characters");
    }
}
