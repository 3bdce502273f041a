using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace Brownian.Tokenizers;

/// <summary>
/// The normalisation rules in a sentencepiece model (<c>sentencepiece/src/normalizer.cc: DecodePrecompiledCharsMap</c>): the byte length of a Darts
/// double array, its little-endian 32-bit units keyed by UTF-8 bytes, and the zero-terminated replacements that its values point to. They are applied
/// like in huggingface's <c>tokenizers/src/normalizers/precompiled.rs</c> and <c>spm_precompiled</c>.
/// </summary>
internal sealed class PrecompiledCharsmap
{
    private const int Sized = sizeof(uint);
    private const int MaxWholeLength = 5;

    private readonly uint[] _units;
    private readonly byte[] _replacements;
    private readonly string?[] _ascii;

    /// <param name="bytes">The bytes in the model's file.</param>
    /// <exception cref="InvalidDataException">The bytes are not valid rules.</exception>
    public PrecompiledCharsmap(ReadOnlySpan<byte> bytes)
    {
        uint size = bytes.Length >= Sized ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : 0;
        if (size is 0 || size % Sized != 0 || size > bytes.Length - Sized)
        {
            throw new InvalidDataException($"its precompiled_charsmap of {bytes.Length} bytes states a trie of {size}");
        }
        _units = new uint[size / Sized];
        for (int i = 0; i < _units.Length; i++)
        {
            _units[i] = BinaryPrimitives.ReadUInt32LittleEndian(bytes[((i + 1) * Sized)..]);
        }
        _replacements = bytes[(Sized + (int)size)..].ToArray();
        if (!Utf8.IsValid(_replacements))
        {
            throw new InvalidDataException("its precompiled_charsmap has replacements that are not UTF-8");
        }
        _ascii = [.. Enumerable.Range(0, 128).Select(value => Find([(byte)value]))];
    }

    /// <summary>Replaces every character, or short grapheme cluster, that a rule applies to.</summary>
    /// <param name="text">Any text without lone surrogates.</param>
    public string Normalise(string text)
    {
        var normalised = new StringBuilder(text.Length);
        ReadOnlySpan<char> rest = text;
        while (!rest.IsEmpty)
        {
            if (char.IsAscii(rest[0]) && (rest.Length == 1 || (char.IsAscii(rest[1]) && rest is not ['\r', '\n', ..])))
            {
                if (_ascii[rest[0]] is { } replacement)
                {
                    normalised.Append(replacement);
                }
                else
                {
                    normalised.Append(rest[0]);
                }
                rest = rest[1..];
                continue;
            }
            int length = StringInfo.GetNextTextElementLength(rest);
            AppendCluster(normalised, rest[..length]);
            rest = rest[length..];
        }
        return normalised.ToString();
    }

    /// <summary>
    /// Appends a cluster. As in the reference, a cluster shorter than 6 bytes is replaced as a whole, even if the rule applies to its first character
    /// only: the accent of a full-width letter is dropped, where sentencepiece itself would keep it. Cluster boundaries depend on the runtime's
    /// Unicode version.
    /// </summary>
    private void AppendCluster(StringBuilder normalised, ReadOnlySpan<char> cluster)
    {
        Span<byte> bytes = stackalloc byte[3 * MaxWholeLength];
        Span<char> letters = stackalloc char[2];
        if (cluster.Length <= MaxWholeLength)
        {
            int length = Encoding.UTF8.GetBytes(cluster, bytes);
            if (length <= MaxWholeLength && Find(bytes[..length]) is { } whole)
            {
                normalised.Append(whole);
                return;
            }
        }
        foreach (Rune rune in cluster.EnumerateRunes())
        {
            if (Find(bytes[..rune.EncodeToUtf8(bytes)]) is { } replacement)
            {
                normalised.Append(replacement);
            }
            else
            {
                normalised.Append(letters[..rune.EncodeToUtf16(letters)]);
            }
        }
    }

    /// <summary>
    /// Returns the replacement of the shortest prefix that has one. Damaged rules may point beyond their end, where there is no replacement.
    /// </summary>
    private string? Find(ReadOnlySpan<byte> key)
    {
        uint node = Offset(_units[0]);
        foreach (byte label in key)
        {
            node ^= label;
            if (label == 0 || node >= _units.Length || (_units[node] & 0x8000_00FF) != label)
            {
                return null;
            }
            uint unit = _units[node];
            node ^= Offset(unit);
            if ((unit & 0x100) != 0)
            {
                return node < _units.Length ? ReplacementAt(_units[node] & 0x7FFF_FFFF) : null;
            }
        }
        return null;
    }

    private static uint Offset(uint unit) => (unit >> 10) << (int)((unit & 0x200) >> 6);

    private string? ReplacementAt(uint start)
    {
        if (start > _replacements.Length)
        {
            return null;
        }
        ReadOnlySpan<byte> rest = _replacements.AsSpan((int)start);
        int end = rest.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? rest : rest[..end]);
    }
}
