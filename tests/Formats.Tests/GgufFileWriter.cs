using System.Buffers.Binary;
using System.Text;

namespace Brownian.Formats.Tests;

/// <summary>Writes GGUF files, valid and invalid ones.</summary>
internal sealed class GgufFileWriter
{
    private readonly List<byte> _facts = [], _tensors = [], _data = [];
    private ulong _factCount, _tensorCount;

    public int Alignment { get; init; } = 32;

    public uint Version { get; init; } = 3;

    public GgufFileWriter Text(string key, string value)
    {
        Begin(key, 8);
        AddText(_facts, value);
        return this;
    }

    public GgufFileWriter Number(string key, uint value)
    {
        Begin(key, 4);
        Add(_facts, value, 4);
        return this;
    }

    public GgufFileWriter List(string key, uint type, int size, params ulong[] values)
    {
        Begin(key, 9);
        Add(_facts, type, 4);
        Add(_facts, (ulong)values.Length, 8);
        foreach (ulong value in values)
        {
            Add(_facts, value, size);
        }
        return this;
    }

    public GgufFileWriter Texts(string key, params string[] values)
    {
        Begin(key, 9);
        Add(_facts, 8, 4);
        Add(_facts, (ulong)values.Length, 8);
        foreach (string value in values)
        {
            AddText(_facts, value);
        }
        return this;
    }

    /// <summary>Adds a tensor.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="type">The number of its type.</param>
    /// <param name="bytes">Its bytes.</param>
    /// <param name="shape">Its shape, outermost dimension first.</param>
    public GgufFileWriter Tensor(string name, uint type, byte[] bytes, params ulong[] shape) =>
        Tensor(name, type, bytes, (ulong)_data.Count, shape);

    public GgufFileWriter Tensor(string name, uint type, byte[] bytes, ulong offset, ulong[] shape)
    {
        _tensorCount++;
        AddText(_tensors, name);
        Add(_tensors, (ulong)shape.Length, 4);
        foreach (ulong side in shape.Reverse())
        {
            Add(_tensors, side, 8);
        }
        Add(_tensors, type, 4);
        Add(_tensors, offset, 8);
        _data.AddRange(bytes);
        Pad(_data);
        return this;
    }

    public byte[] Bytes()
    {
        var file = new List<byte>("GGUF"u8.ToArray());
        Add(file, Version, 4);
        Add(file, _tensorCount, 8);
        Add(file, _factCount, 8);
        file.AddRange(_facts);
        file.AddRange(_tensors);
        Pad(file);
        file.AddRange(_data);
        return [.. file];
    }

    private void Begin(string key, uint type)
    {
        _factCount++;
        AddText(_facts, key);
        Add(_facts, type, 4);
    }

    private void Pad(List<byte> bytes)
    {
        while (bytes.Count % Alignment != 0)
        {
            bytes.Add(0);
        }
    }

    private static void AddText(List<byte> bytes, string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        Add(bytes, (ulong)utf8.Length, 8);
        bytes.AddRange(utf8);
    }

    private static void Add(List<byte> bytes, ulong value, int size)
    {
        Span<byte> whole = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(whole, value);
        bytes.AddRange(whole[..size]);
    }
}
