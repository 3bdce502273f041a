using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;

namespace Brownian.Inference.Tests.Adapters;

/// <summary>Writes safetensors files, valid and invalid ones.</summary>
internal sealed class SafetensorsWriter
{
    private readonly JsonObject _header = [];
    private readonly List<byte> _data = [];

    public SafetensorsWriter Metadata(string key, string value)
    {
        JsonObject metadata = _header["__metadata__"]?.AsObject() ?? [];
        metadata[key] = value;
        _header["__metadata__"] = metadata;
        return this;
    }

    public SafetensorsWriter Floats(string name, float[] values, params int[] shape) =>
        Tensor(name, "F32", MemoryMarshal.AsBytes(values.AsSpan()).ToArray(), shape);

    public SafetensorsWriter Tensor(string name, string dtype, byte[] bytes, params int[] shape)
    {
        int start = _data.Count;
        _data.AddRange(bytes);
        _header[name] = new JsonObject
        {
            ["dtype"] = dtype,
            ["shape"] = new JsonArray([.. shape.Select(size => JsonValue.Create(size))]),
            ["data_offsets"] = new JsonArray(start, _data.Count),
        };
        return this;
    }

    public byte[] Bytes() => Bytes(_header.ToJsonString(), [.. _data]);

    public static byte[] Bytes(string header, byte[] data)
    {
        byte[] json = Encoding.UTF8.GetBytes(header), length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        return [.. length, .. json, .. data];
    }
}
