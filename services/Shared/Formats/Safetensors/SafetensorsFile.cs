using System.Buffers.Binary;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Formats.Files;

namespace Brownian.Formats.Safetensors;

/// <summary>
/// A safetensors file in memory (the format of the README of github.com/huggingface/safetensors): the length of a header, the header as JSON, then
/// the tensors without gaps. All of it is validated before use. Immutable.
/// </summary>
public sealed class SafetensorsFile
{
    /// <summary>The largest header, in bytes; the reference's limit.</summary>
    public const int MaxHeaderLength = 100_000_000;

    private const int LengthBytes = sizeof(ulong);
    private const string MetadataKey = "__metadata__";

    private static readonly Dictionary<string, int> ElementBytes = new(StringComparer.Ordinal)
    {
        ["BOOL"] = 1,
        ["U8"] = 1,
        ["I8"] = 1,
        ["F8_E4M3"] = 1,
        ["F8_E5M2"] = 1,
        ["F8_E8M0"] = 1,
        ["U16"] = 2,
        ["I16"] = 2,
        ["F16"] = 2,
        ["BF16"] = 2,
        ["U32"] = 4,
        ["I32"] = 4,
        ["F32"] = 4,
        ["U64"] = 8,
        ["I64"] = 8,
        ["F64"] = 8,
        ["C64"] = 8,
    };

    private readonly byte[] _bytes;

    private SafetensorsFile(string name, byte[] bytes, Dictionary<string, SafetensorsTensor> tensors, Dictionary<string, string> metadata)
    {
        Name = name;
        _bytes = bytes;
        Tensors = tensors;
        Metadata = metadata;
        Sha256 = Convert.ToHexStringLower(SHA256.HashData(bytes));
    }

    /// <summary>The file's name in messages.</summary>
    public string Name { get; }

    /// <summary>The tensors by their names.</summary>
    public IReadOnlyDictionary<string, SafetensorsTensor> Tensors { get; }

    /// <summary>The header's <c>__metadata__</c>; empty when it has none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The SHA-256 of the parsed bytes, in lower-case hexadecimal.</summary>
    public string Sha256 { get; }

    /// <summary>
    /// Whether a hash of the file begins with the given digits: the hash of the whole file, or of the part after its header, which AUTOMATIC1111 uses
    /// so that notes in the header do not change the hash.
    /// </summary>
    /// <param name="digits">The digits, in lower-case hexadecimal.</param>
    public bool IsHashed(string digits)
    {
        int start = LengthBytes + (int)BinaryPrimitives.ReadUInt64LittleEndian(_bytes);
        return Sha256.StartsWith(digits, StringComparison.Ordinal)
            || Convert.ToHexStringLower(SHA256.HashData(_bytes.AsSpan(start))).StartsWith(digits, StringComparison.Ordinal);
    }

    /// <summary>Reads a file.</summary>
    /// <param name="file">The path.</param>
    /// <param name="name">The file's name in messages; null for its own name.</param>
    /// <exception cref="ModelException">The file cannot be read, is above 2 GB, or is not a valid safetensors file.</exception>
    public static SafetensorsFile Read(string file, string? name = null)
    {
        try
        {
            return Parse(File.ReadAllBytes(file), name ?? Path.GetFileName(file));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The exception's message may contain the whole path, which only a caller that passed it may see.
            string message = exception.Message.Replace(Path.GetFullPath(file), name ?? file, StringComparison.Ordinal);
            throw new ModelException($"{name ?? file} cannot be read: {message}", exception);
        }
    }

    /// <summary>Parses a file's bytes.</summary>
    /// <param name="bytes">The whole file; kept, not copied.</param>
    /// <param name="name">The file's name in messages.</param>
    /// <exception cref="ModelException">The bytes are not a valid safetensors file; the message states where.</exception>
    public static SafetensorsFile Parse(byte[] bytes, string name)
    {
        if (bytes.AsSpan().StartsWith("PK\u0003\u0004"u8) || bytes is [0x80, >= 2 and <= 5, ..] and not [_, _, _, _, 0, 0, 0, 0, ..])
        {
            throw new ModelException($"{name} is a PyTorch file (pickle), which can run code when it is read: convert it to .safetensors");
        }
        if (MistakenFile.Describe(bytes) is { } mistaken)
        {
            throw new ModelException($"{name} is {mistaken}");
        }
        if (bytes.AsSpan().StartsWith("GGUF"u8))
        {
            throw new ModelException($"{name} is a GGUF file: a .safetensors file is needed");
        }
        if (bytes.Length < LengthBytes)
        {
            throw Damaged(name, $"it has {bytes.Length} bytes, at least {LengthBytes} are needed");
        }
        ulong stated = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        if (stated > MaxHeaderLength)
        {
            throw Damaged(name, $"its header is {stated} bytes long by its first eight bytes, at most {MaxHeaderLength} are allowed");
        }
        if (stated > (ulong)(bytes.Length - LengthBytes))
        {
            throw Damaged(name, $"its header is {stated} bytes long by its first eight bytes, and only {bytes.Length - LengthBytes} follow");
        }
        int start = LengthBytes + (int)stated;
        var tensors = new Dictionary<string, SafetensorsTensor>(StringComparer.Ordinal);
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            using JsonDocument header = JsonDocument.Parse(
                bytes.AsMemory(LengthBytes, (int)stated), new JsonDocumentOptions { MaxDepth = 8 });
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
                else if (!tensors.TryAdd(entry.Name, ReadTensor(name, entry.Name, entry.Value, start, bytes.Length - start)))
                {
                    throw Damaged(name, $"the tensor \"{entry.Name}\" is twice in its header");
                }
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or DecoderFallbackException)
        {
            string where = exception is JsonException { BytePositionInLine: not null } json
                ? string.Create(CultureInfo.InvariantCulture, $"line {json.LineNumber + 1}, position {json.BytePositionInLine + 1}")
                : "a text in it is not valid Unicode";
            throw new ModelException($"{name} is a damaged safetensors file: its header is not valid JSON ({where})", exception);
        }
        int next = start;
        foreach (SafetensorsTensor tensor in tensors.Values.OrderBy(tensor => tensor.Start).ThenBy(tensor => tensor.Length))
        {
            if (tensor.Start != next)
            {
                string relation = tensor.Start < next ? "overlaps the tensor before it" : $"leaves a gap of {tensor.Start - next} bytes before it";
                throw Damaged(name, $"the tensor \"{tensor.Name}\" {relation}");
            }
            next += tensor.Length;
        }
        return next == bytes.Length
            ? new SafetensorsFile(name, bytes, tensors, metadata)
            : throw Damaged(name, $"{bytes.Length - next} bytes follow its last tensor");
    }

    /// <summary>Returns a tensor's bytes as stored in the file.</summary>
    /// <param name="tensor">One of <see cref="Tensors"/>.</param>
    public ReadOnlyMemory<byte> Bytes(SafetensorsTensor tensor) => _bytes.AsMemory(tensor.Start, tensor.Length);

    /// <summary>Creates a file's bytes.</summary>
    /// <param name="metadata">The header's metadata.</param>
    /// <param name="tensors">Name, element type (<c>F32</c>, <c>U8</c>), shape and little-endian bytes of each, in the file's order.</param>
    public static byte[] Write(
        IReadOnlyDictionary<string, string> metadata,
        IReadOnlyList<(string Name, string Dtype, IReadOnlyList<int> Shape, ReadOnlyMemory<byte> Bytes)> tensors)
    {
        var header =
            new JsonObject { [MetadataKey] = new JsonObject(metadata.Select(entry => KeyValuePair.Create(entry.Key, (JsonNode?)entry.Value))) };
        long start = 0;
        foreach ((string name, string dtype, IReadOnlyList<int> shape, ReadOnlyMemory<byte> bytes) in tensors)
        {
            header[name] = new JsonObject
            {
                ["dtype"] = dtype,
                ["shape"] = new JsonArray([.. shape.Select(side => JsonValue.Create(side))]),
                ["data_offsets"] = new JsonArray(start, start + bytes.Length),
            };
            start += bytes.Length;
        }
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(header);
        var file = new MemoryStream();
        Span<byte> length = stackalloc byte[LengthBytes];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        file.Write(length);
        file.Write(json);
        foreach ((_, _, _, ReadOnlyMemory<byte> bytes) in tensors)
        {
            file.Write(bytes.Span);
        }
        return file.ToArray();
    }

    /// <summary>Returns a copy of a tensor's values, row-major.</summary>
    /// <param name="tensor">One of <see cref="Tensors"/>, of <c>F32</c>, <c>F16</c>, <c>BF16</c> or <c>F64</c>.</param>
    /// <exception cref="ModelException">The tensor has another element type, or a value that is not finite as float32.</exception>
    public float[] Values(SafetensorsTensor tensor)
    {
        ReadOnlySpan<byte> bytes = _bytes.AsSpan(tensor.Start, tensor.Length);
        float[] values = new float[tensor.Count];
        switch (tensor.Dtype)
        {
            case "F32":
                bytes.CopyTo(MemoryMarshal.AsBytes(values.AsSpan()));
                break;
            case "F16":
                Half[] halves = new Half[tensor.Count];
                bytes.CopyTo(MemoryMarshal.AsBytes(halves.AsSpan()));
                TensorPrimitives.ConvertToSingle(halves, values);
                break;
            case "BF16":
                Bfloat16.Widen(bytes, values);
                break;
            case "F64":
                for (int i = 0; i < values.Length; i++)
                {
                    values[i] = (float)BinaryPrimitives.ReadDoubleLittleEndian(bytes[(sizeof(double) * i)..]);
                }
                break;
            default:
                throw new ModelException($"{Name}: the tensor \"{tensor.Name}\" is {tensor.Dtype}; F32, F16, BF16 and F64 are supported");
        }
        foreach (float value in values)
        {
            if (!float.IsFinite(value))
            {
                throw new ModelException(
                    $"{Name}: the tensor \"{tensor.Name}\" has the value "
                        + $"{value.ToString(CultureInfo.InvariantCulture)}; only finite values are allowed");
            }
        }
        return values;
    }

    /// <summary>Returns a tensor's only value, of any numeric element type.</summary>
    /// <param name="tensor">One of <see cref="Tensors"/>, with one element.</param>
    /// <exception cref="ModelException">The tensor has several values, or its value is not a number or not finite.</exception>
    public double Scalar(SafetensorsTensor tensor)
    {
        if (tensor.Count != 1)
        {
            throw new ModelException($"{Name}: the tensor \"{tensor.Name}\" has {tensor.Count} values; allowed: one");
        }
        ReadOnlySpan<byte> bytes = _bytes.AsSpan(tensor.Start, tensor.Length);
        double value = tensor.Dtype switch
        {
            "I8" => (sbyte)bytes[0],
            "U8" => bytes[0],
            "I16" => BinaryPrimitives.ReadInt16LittleEndian(bytes),
            "U16" => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
            "I32" => BinaryPrimitives.ReadInt32LittleEndian(bytes),
            "U32" => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
            "I64" => BinaryPrimitives.ReadInt64LittleEndian(bytes),
            "U64" => BinaryPrimitives.ReadUInt64LittleEndian(bytes),
            "F8_E4M3" => Float8(bytes[0], exponentBits: 4, hasInfinity: false),
            "F8_E5M2" => Float8(bytes[0], exponentBits: 5, hasInfinity: true),
            "F32" or "F16" or "BF16" or "F64" => Values(tensor)[0],
            _ => throw new ModelException($"{Name}: the tensor \"{tensor.Name}\" is {tensor.Dtype}, which is not a number type"),
        };
        return double.IsFinite(value)
            ? value
            : throw new ModelException(
                $"{Name}: the tensor \"{tensor.Name}\" has the value {value.ToString(CultureInfo.InvariantCulture)}; only finite values are allowed");
    }

    /// <summary>
    /// Decodes an 8-bit float (Micikevicius et al. 2022, arXiv 2209.05433, table 1): e4m3 has no infinity and one NaN, e5m2 has both as in IEEE 754.
    /// </summary>
    private static double Float8(byte bits, int exponentBits, bool hasInfinity)
    {
        int mantissaBits = 7 - exponentBits, bias = (1 << (exponentBits - 1)) - 1;
        int exponent = (bits & 0x7F) >> mantissaBits, mantissa = bits & ((1 << mantissaBits) - 1), highest = (1 << exponentBits) - 1;
        if (exponent == highest && (hasInfinity || mantissa == (1 << mantissaBits) - 1))
        {
            return mantissa == 0 ? double.PositiveInfinity : double.NaN;
        }
        double magnitude = exponent == 0
            ? Math.ScaleB(mantissa, 1 - bias - mantissaBits)
            : Math.ScaleB((1 << mantissaBits) + mantissa, exponent - bias - mantissaBits);
        return bits >= 0x80 ? -magnitude : magnitude;
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

    private static SafetensorsTensor ReadTensor(string name, string tensor, JsonElement json, int start, int available)
    {
        ModelException Invalid(string what) => Damaged(name, $"the tensor \"{tensor}\" {what}");
        if (json.ValueKind != JsonValueKind.Object)
        {
            throw Invalid("is not described by a JSON object");
        }
        if (!json.TryGetProperty("dtype", out JsonElement type) || type.ValueKind != JsonValueKind.String || type.GetString() is not { } dtype
            || !ElementBytes.TryGetValue(dtype, out int size))
        {
            throw Invalid(
                $"has the dtype {(type.ValueKind == JsonValueKind.Undefined ? "null" : type.GetRawText())}; allowed: "
                    + $"{string.Join(", ", ElementBytes.Keys)}");
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
        return to - from == count * size
            ? new SafetensorsTensor(tensor, dtype, shape, (int)count, start + (int)from, (int)(to - from))
            : throw Invalid($"has {to - from} bytes, and [{string.Join(", ", shape)}] of {dtype} takes {count * size}");
    }

    private static ModelException Damaged(string name, string what) => new($"{name} is a damaged safetensors file: {what}");
}
