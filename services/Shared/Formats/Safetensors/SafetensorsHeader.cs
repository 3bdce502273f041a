using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Brownian.Formats.Files;
using Brownian.Formats.Images;
using Brownian.Formats.Torch;
using Brownian.Formats.Weights;

namespace Brownian.Formats.Safetensors;

/// <summary>
/// The header of a safetensors file (the format of the README of github.com/huggingface/safetensors): the length of the header, the header as JSON,
/// then the tensors without gaps. All of it is validated before use. Immutable.
/// </summary>
public sealed class SafetensorsHeader
{
    /// <summary>The bytes of the length with which a file begins.</summary>
    public const int LengthBytes = sizeof(ulong);

    /// <summary>The largest header, in bytes; the reference's limit.</summary>
    public const int MaxLength = 100_000_000;

    internal const string MetadataKey = "__metadata__";

    /// <summary>The element types. F8_E8M0 holds exponents of scales, and C64 complex numbers.</summary>
    private static readonly ElementFormat[] Formats =
    [
        ElementFormat.Bool, ElementFormat.U8, ElementFormat.I8, ElementFormat.F8E4M3, ElementFormat.F8E5M2, new("F8_E8M0", 1, 1, null),
        ElementFormat.U16, ElementFormat.I16, ElementFormat.F16, ElementFormat.BF16, ElementFormat.U32, ElementFormat.I32, ElementFormat.F32,
        ElementFormat.U64, ElementFormat.I64, ElementFormat.F64, new("C64", 1, 8, null),
    ];

    /// <summary>Bytes that no text has.</summary>
    private static readonly SearchValues<byte> NoText = SearchValues.Create([0, 1, 2, 3, 4, 5, 6, 7, 8]);

    private SafetensorsHeader(Dictionary<string, SafetensorsTensor> tensors, Dictionary<string, string> metadata) =>
        (Tensors, Metadata) = (tensors, metadata);

    /// <summary>The tensors by their names, with positions in the file.</summary>
    public IReadOnlyDictionary<string, SafetensorsTensor> Tensors { get; }

    /// <summary>The header's <c>__metadata__</c>; empty when it has none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Returns an element type; null when there is none of the name.</summary>
    public static ElementFormat? FindFormat(string dtype) => Array.Find(Formats, format => format.Name == dtype);

    /// <summary>Returns the length of the header.</summary>
    /// <param name="head">The file's first bytes, <see cref="MistakenFile.HeadLength"/> if it has that many.</param>
    /// <param name="fileLength">The length of the file.</param>
    /// <param name="name">The file's name in messages.</param>
    /// <exception cref="ModelException">The file is of another kind, or shorter than its header.</exception>
    public static int ReadLength(ReadOnlySpan<byte> head, long fileLength, string name)
    {
        if (TorchWeights.Is(head))
        {
            throw new ModelException($"{name} is a PyTorch file (pickle), which can run code when it is read: convert it to .safetensors");
        }
        if (MistakenFile.Describe(head) is { } mistaken)
        {
            throw new ModelException($"{name} is {mistaken}");
        }
        if (head.StartsWith("GGUF"u8))
        {
            throw new ModelException($"{name} is a GGUF file: a .safetensors file is needed");
        }
        if (ImageFormats.MediaTypeOf(head) is { } media)
        {
            throw new ModelException($"{name} is an image ({media}), which contains no weights");
        }
        if (fileLength < LengthBytes)
        {
            throw Damaged(name, $"it has {fileLength} bytes, at least {LengthBytes} are needed");
        }
        // The length of a header has zeros, which no text has.
        if (!head.ContainsAny(NoText))
        {
            throw new ModelException($"{name} is a text file, which contains no weights");
        }
        ulong stated = BinaryPrimitives.ReadUInt64LittleEndian(head);
        if (stated > MaxLength)
        {
            throw Damaged(name, $"its header is {stated} bytes long by its first eight bytes, at most {MaxLength} are allowed");
        }
        return stated <= (ulong)(fileLength - LengthBytes)
            ? (int)stated
            : throw Damaged(name, $"its header is {stated} bytes long by its first eight bytes, and only {fileLength - LengthBytes} follow");
    }

    /// <summary>Parses a header.</summary>
    /// <param name="json">The header's bytes.</param>
    /// <param name="fileLength">The length of the file.</param>
    /// <param name="name">The file's name in messages.</param>
    /// <exception cref="ModelException">The header is not valid; the message states where.</exception>
    public static SafetensorsHeader Parse(ReadOnlyMemory<byte> json, long fileLength, string name)
    {
        long start = LengthBytes + json.Length;
        var tensors = new Dictionary<string, SafetensorsTensor>(StringComparer.Ordinal);
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            using JsonDocument header = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 8 });
            if (header.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw Damaged(name, "its header is not a JSON object");
            }
            bool hasMetadata = false;
            foreach (JsonProperty entry in header.RootElement.EnumerateObject())
            {
                if (entry.Name == MetadataKey)
                {
                    if (hasMetadata)
                    {
                        throw Damaged(name, $"{MetadataKey} is twice in its header");
                    }
                    hasMetadata = true;
                    ReadMetadata(name, entry.Value, metadata);
                }
                else if (!tensors.TryAdd(entry.Name, ReadTensor(name, entry.Name, entry.Value, start, fileLength - start)))
                {
                    throw Damaged(name, $"the tensor \"{entry.Name}\" is twice in its header");
                }
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or DecoderFallbackException)
        {
            string where = exception is JsonException { BytePositionInLine: not null } invalid
                ? string.Create(CultureInfo.InvariantCulture, $"line {invalid.LineNumber + 1}, position {invalid.BytePositionInLine + 1}")
                : "a text in it is not valid Unicode";
            throw new ModelException($"{name} is a damaged safetensors file: its header is not valid JSON ({where})", exception);
        }
        long next = start;
        foreach (SafetensorsTensor tensor in tensors.Values.OrderBy(tensor => tensor.Start).ThenBy(tensor => tensor.Length))
        {
            if (tensor.Start != next)
            {
                string relation = tensor.Start < next ? "overlaps the tensor before it" : $"leaves a gap of {tensor.Start - next} bytes before it";
                throw Damaged(name, $"the tensor \"{tensor.Name}\" {relation}");
            }
            next += tensor.Length;
        }
        return next == fileLength
            ? new SafetensorsHeader(tensors, metadata)
            : throw Damaged(name, $"{fileLength - next} bytes follow its last tensor");
    }

    private static void ReadMetadata(string name, JsonElement json, Dictionary<string, string> metadata)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            throw Damaged(name, $"{MetadataKey} is not a JSON object");
        }
        foreach (JsonProperty entry in json.EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.String || !metadata.TryAdd(entry.Name, entry.Value.GetString()!))
            {
                throw Damaged(name, $"{MetadataKey} has \"{entry.Name}\" twice, or with a value that is not text");
            }
        }
    }

    private static SafetensorsTensor ReadTensor(string name, string tensor, JsonElement json, long start, long available)
    {
        ModelException Invalid(string what) => Damaged(name, $"the tensor \"{tensor}\" {what}");
        if (json.ValueKind != JsonValueKind.Object)
        {
            throw Invalid("is not described by a JSON object");
        }
        if (!json.TryGetProperty("dtype", out JsonElement type) || type.ValueKind != JsonValueKind.String || type.GetString() is not { } dtype
            || FindFormat(dtype) is not { } format)
        {
            throw Invalid(
                $"has the dtype {(type.ValueKind == JsonValueKind.Undefined ? "null" : type.GetRawText())}; allowed: "
                    + $"{string.Join(", ", Formats.Select(known => known.Name))}");
        }
        if (!json.TryGetProperty("shape", out JsonElement dimensions) || dimensions.ValueKind != JsonValueKind.Array)
        {
            throw Invalid("has no shape");
        }
        var shape = new List<int>();
        long count = 1;
        foreach (JsonElement dimension in dimensions.EnumerateArray())
        {
            if (dimension.ValueKind != JsonValueKind.Number || !dimension.TryGetInt32(out int length) || length < 0)
            {
                throw Invalid($"has the dimension {dimension.GetRawText()}; allowed: 0..{int.MaxValue}");
            }
            shape.Add(length);
            count *= length;
            if (count > int.MaxValue)
            {
                throw Invalid("has a shape of more elements than a file can hold");
            }
        }
        if (!json.TryGetProperty("data_offsets", out JsonElement offsets) || offsets.ValueKind != JsonValueKind.Array || offsets.GetArrayLength() != 2
            || offsets[0].ValueKind != JsonValueKind.Number || !offsets[0].TryGetInt64(out long from)
            || offsets[1].ValueKind != JsonValueKind.Number || !offsets[1].TryGetInt64(out long to))
        {
            throw Invalid("has no data_offsets of two whole numbers");
        }
        if (from < 0 || to < from || to > available)
        {
            throw Invalid($"has the data_offsets [{from}, {to}]; allowed: ascending, within 0..{available}");
        }
        return to - from == count * format.BlockBytes
            ? new SafetensorsTensor(tensor, dtype, shape, count, start + from, to - from)
            : throw Invalid($"has {to - from} bytes, and [{string.Join(", ", shape)}] of {dtype} takes {count * format.BlockBytes}");
    }

    private static ModelException Damaged(string name, string what) => new($"{name} is a damaged safetensors file: {what}");
}
