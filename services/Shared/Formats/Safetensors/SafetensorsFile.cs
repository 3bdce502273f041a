using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Formats.Files;
using Brownian.Formats.Weights;

namespace Brownian.Formats.Safetensors;

/// <summary>
/// A safetensors file in memory (the format of the README of github.com/huggingface/safetensors): the length of a header, the header as JSON, then
/// the tensors without gaps. All of it is validated before use. Immutable.
/// </summary>
public sealed class SafetensorsFile
{
    private const int LengthBytes = SafetensorsHeader.LengthBytes;

    private static readonly ElementFormat[] FloatFormats = [ElementFormat.F32, ElementFormat.F16, ElementFormat.BF16, ElementFormat.F64];

    private readonly byte[] _bytes;

    private SafetensorsFile(
        string name, byte[] bytes, IReadOnlyDictionary<string, SafetensorsTensor> tensors, IReadOnlyDictionary<string, string> metadata)
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
        int length = SafetensorsHeader.ReadLength(bytes, bytes.Length, name);
        var header = SafetensorsHeader.Parse(bytes.AsMemory(LengthBytes, length), bytes.Length, name);
        return new SafetensorsFile(name, bytes, header.Tensors, header.Metadata);
    }

    /// <summary>Returns a tensor's bytes as stored in the file.</summary>
    /// <param name="tensor">One of <see cref="Tensors"/>.</param>
    public ReadOnlyMemory<byte> Bytes(SafetensorsTensor tensor) => _bytes.AsMemory((int)tensor.Start, (int)tensor.Length);

    /// <summary>Creates a file's bytes.</summary>
    /// <param name="metadata">The header's metadata.</param>
    /// <param name="tensors">Name, element type (<c>F32</c>, <c>U8</c>), shape and little-endian bytes of each, in the file's order.</param>
    public static byte[] Write(
        IReadOnlyDictionary<string, string> metadata,
        IReadOnlyList<(string Name, string Dtype, IReadOnlyList<int> Shape, ReadOnlyMemory<byte> Bytes)> tensors)
    {
        var header = new JsonObject
        {
            [SafetensorsHeader.MetadataKey] = new JsonObject(metadata.Select(entry => KeyValuePair.Create(entry.Key, (JsonNode?)entry.Value))),
        };
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
        float[] values = new float[tensor.Count];
        if (FloatFormats.FirstOrDefault(format => format.Name == tensor.Dtype) is not { } format)
        {
            throw new ModelException($"{Name}: the tensor \"{tensor.Name}\" is {tensor.Dtype}; F32, F16, BF16 and F64 are supported");
        }
        format.Decode(Bytes(tensor).Span, values);
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
        ReadOnlySpan<byte> bytes = Bytes(tensor).Span;
        double value = tensor.Dtype switch
        {
            // Not every integer is a float32.
            "I32" => BinaryPrimitives.ReadInt32LittleEndian(bytes),
            "U32" => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
            "I64" => BinaryPrimitives.ReadInt64LittleEndian(bytes),
            "U64" => BinaryPrimitives.ReadUInt64LittleEndian(bytes),
            "F32" or "F16" or "BF16" or "F64" => Values(tensor)[0],
            _ when SafetensorsHeader.FindFormat(tensor.Dtype) is { IsNumeric: true } format => Decode(format, bytes),
            _ => throw new ModelException($"{Name}: the tensor \"{tensor.Name}\" is {tensor.Dtype}, which is not a number type"),
        };
        return double.IsFinite(value)
            ? value
            : throw new ModelException(
                $"{Name}: the tensor \"{tensor.Name}\" has the value {value.ToString(CultureInfo.InvariantCulture)}; only finite values are allowed");
    }

    private static float Decode(ElementFormat format, ReadOnlySpan<byte> bytes)
    {
        Span<float> value = [0];
        format.Decode(bytes, value);
        return value[0];
    }
}
