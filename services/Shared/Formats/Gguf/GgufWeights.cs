using Brownian.Formats.Files;
using Brownian.Formats.Tensors;
using Brownian.Formats.Weights;
using Microsoft.Win32.SafeHandles;

namespace Brownian.Formats.Gguf;

/// <summary>
/// Opens GGUF files (ggml's docs/gguf.md, versions 2 and 3, little-endian): a header with facts and tensors, then the tensors, each at a multiple of
/// the alignment. All of the header is validated before use.
/// </summary>
public static class GgufWeights
{
    /// <summary>The fact that names the kind of network.</summary>
    public const string Architecture = "general.architecture";

    /// <summary>The largest number of dimensions.</summary>
    private const int MaxDimensions = 8;

    private const string Alignment = "general.alignment";

    /// <summary>How ComfyUI-GGUF states the shape of a tensor that it stores with another number of dimensions.</summary>
    private const string OriginalShape = "comfy.gguf.orig_shape.";

    private const int TextType = 8;
    private const int ListType = 9;

    /// <summary>The bytes of a value by its type; 0 for texts and lists.</summary>
    private static readonly int[] ValueBytes = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];

    /// <summary>Whether bytes begin a file of this format.</summary>
    public static bool Is(ReadOnlySpan<byte> head) => head.StartsWith("GGUF"u8);

    /// <summary>Reads the header of an open file.</summary>
    /// <param name="handle">The file; the result owns it.</param>
    /// <param name="name">The file's name in messages.</param>
    /// <returns>The tensors with their outermost dimension first, and the facts that are texts or numbers.</returns>
    /// <exception cref="ModelException">The file is not valid, or has a tensor of a type that cannot be read.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static WeightFile Read(SafeFileHandle handle, string name)
    {
        var header = new GgufHeader(handle, name);
        header.Skip(4);
        uint version = header.UInt32();
        if (version is not (2 or 3))
        {
            throw new ModelException(
                $"{name} is a GGUF file of version {version}; allowed: 2 and 3, little-endian. Convert it with a current program");
        }
        ulong tensorCount = header.UInt64(), factCount = header.UInt64();
        var facts = new Dictionary<string, string>(StringComparer.Ordinal);
        var lists = new Dictionary<string, long[]>(StringComparer.Ordinal);
        for (ulong i = 0; i < factCount; i++)
        {
            string key = header.Text();
            uint type = header.UInt32();
            if (type == ListType)
            {
                if (ReadList(header) is { } list)
                {
                    lists[key] = list;
                }
            }
            else
            {
                facts[key] = ReadValue(header, type);
            }
        }
        var found = new List<(string Name, uint Type, int[] Shape, ulong Offset)>();
        for (ulong i = 0; i < tensorCount; i++)
        {
            found.Add(ReadTensor(header));
        }
        if (!facts.TryGetValue(Alignment, out string? text))
        {
            text = "32";
        }
        if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long alignment) || alignment is < 1 or > 1 << 20)
        {
            throw header.Damaged($"{Alignment} is {text}; allowed: 1..{1 << 20}");
        }
        long start = (header.Position + alignment - 1) / alignment * alignment;
        var tensors = new Dictionary<string, StoredTensor>(StringComparer.Ordinal);
        foreach ((string tensor, uint type, int[] shape, ulong offset) in found)
        {
            StoredTensor stored = Locate(header, tensor, type, shape, offset, start);
            if (lists.TryGetValue(OriginalShape + tensor, out long[]? original) && original.All(side => side is >= 0 and <= int.MaxValue)
                && ElementCount.Of(original) == stored.Count)
            {
                stored = stored with { Shape = [.. original.Select(side => (int)side)] };
            }
            if (!tensors.TryAdd(tensor, stored))
            {
                throw header.Damaged($"the tensor \"{tensor}\" is there twice");
            }
        }
        return new WeightFile(name, handle, tensors, facts);
    }

    private static StoredTensor Locate(GgufHeader header, string name, uint type, int[] shape, ulong offset, long start)
    {
        if (GgmlFormats.Find(type) is not { } format)
        {
            throw new ModelException(
                $"{header.Name}: the tensor \"{name}\" is {GgmlFormats.NameOf(type)}; supported: {string.Join(", ", GgmlFormats.Names)}");
        }
        long? count = ElementCount.Of(shape);
        if (count is not { } elements || elements > int.MaxValue || (elements > 0 && shape.LastOrDefault(1) % format.BlockElements != 0))
        {
            throw header.Damaged(
                $"the tensor \"{name}\" of {format} has the shape [{string.Join(", ", shape)}]; its last dimension must be a multiple of "
                    + $"{format.BlockElements}, and its elements at most {int.MaxValue}");
        }
        long bytes = format.BytesOf(elements), available = header.Length - start;
        if (offset > long.MaxValue || (long)offset > available - bytes)
        {
            throw header.Damaged($"the tensor \"{name}\" takes {bytes} bytes from byte {offset} of the {Math.Max(0, available)} bytes of tensors");
        }
        return new StoredTensor(name, format, shape, start + (long)offset);
    }

    private static (string Name, uint Type, int[] Shape, ulong Offset) ReadTensor(GgufHeader header)
    {
        string name = header.Text();
        uint dimensions = header.UInt32();
        if (dimensions > MaxDimensions)
        {
            throw header.Damaged($"the tensor \"{name}\" has {dimensions} dimensions; allowed: up to {MaxDimensions}");
        }
        var shape = new int[dimensions];
        // The innermost dimension comes first.
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            ulong side = header.UInt64();
            shape[i] = side <= int.MaxValue
                ? (int)side
                : throw header.Damaged($"the tensor \"{name}\" has the dimension {side}; allowed: 0..{int.MaxValue}");
        }
        return (name, header.UInt32(), shape, header.UInt64());
    }

    private static string ReadValue(GgufHeader header, uint type)
    {
        if (type >= ValueBytes.Length)
        {
            throw header.Damaged($"a fact before byte {header.Position} has the type {type}; allowed: 0..{ValueBytes.Length - 1}");
        }
        return type switch
        {
            TextType => header.Text(),
            6 => BitConverter.UInt32BitsToSingle(header.UInt32()).ToString(CultureInfo.InvariantCulture),
            12 => BitConverter.UInt64BitsToDouble(header.UInt64()).ToString(CultureInfo.InvariantCulture),
            _ => header.Whole(ValueBytes[type], isSigned: type is 1 or 3 or 5 or 11).ToString(CultureInfo.InvariantCulture),
        };
    }

    /// <summary>Reads a list of up to eight integers; skips any other one.</summary>
    private static long[]? ReadList(GgufHeader header)
    {
        uint type = header.UInt32();
        ulong count = header.UInt64();
        if (type >= ValueBytes.Length || type == ListType)
        {
            throw header.Damaged($"a list before byte {header.Position} has the type {type}; allowed: 0..{ValueBytes.Length - 1} without lists");
        }
        if (type == TextType)
        {
            for (ulong i = 0; i < count; i++)
            {
                header.SkipText();
            }
            return null;
        }
        if (count > MaxDimensions || type is 6 or 12)
        {
            header.Skip(count > (ulong)header.Length ? long.MaxValue : (long)count * ValueBytes[type]);
            return null;
        }
        var list = new long[count];
        for (int i = 0; i < list.Length; i++)
        {
            Int128 value = header.Whole(ValueBytes[type], isSigned: type is 1 or 3 or 5 or 11);
            list[i] = value > long.MaxValue ? -1 : (long)value;
        }
        return list;
    }
}
