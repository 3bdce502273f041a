using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Brownian.Formats.Tests;

/// <summary>Writes checkpoints as PyTorch does, and pickles that it would never write.</summary>
internal sealed class TorchFileWriter
{
    private readonly List<byte> _pickle = [];
    private readonly List<(string Key, byte[] Bytes)> _storages = [];

    public TorchFileWriter() => Raw(0x80, 2);

    public TorchFileWriter Raw(params ReadOnlySpan<byte> bytes)
    {
        _pickle.AddRange(bytes);
        return this;
    }

    public TorchFileWriter Global(string module, string name) => Raw(Encoding.UTF8.GetBytes($"c{module}\n{name}\n"));

    public TorchFileWriter Text(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text), length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        return Raw((byte)'X').Raw(length).Raw(bytes);
    }

    public TorchFileWriter Number(int value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        return Raw((byte)'J').Raw(bytes);
    }

    public TorchFileWriter Numbers(params int[] values)
    {
        Raw((byte)'(');
        foreach (int value in values)
        {
            Number(value);
        }
        return Raw((byte)'t');
    }

    /// <summary>Begins a dictionary, as <c>OrderedDict()</c> if it is ordered; <see cref="EndDictionary"/> sets its entries.</summary>
    public TorchFileWriter Dictionary(bool isOrdered = false) =>
        (isOrdered ? Global("collections", "OrderedDict").Raw((byte)')', (byte)'R') : Raw((byte)'}')).Raw((byte)'(');

    public TorchFileWriter EndDictionary() => Raw((byte)'u');

    public TorchFileWriter Storage(string key, byte[] bytes)
    {
        _storages.Add((key, bytes));
        return this;
    }

    public TorchFileWriter Tensor(string storage, string type, int count, int offset, int[] shape, int[] strides) =>
        Global("torch._utils", "_rebuild_tensor_v2").Raw((byte)'(')
            .Raw((byte)'(').Text("storage").Global("torch", type).Text(storage).Text("cpu").Number(count).Raw((byte)'t', (byte)'Q')
            .Number(offset).Numbers(shape).Numbers(strides)
            .Raw(0x89).Global("collections", "OrderedDict").Raw((byte)')', (byte)'R', (byte)'t', (byte)'R');

    public byte[] Pickle() => [.. _pickle, (byte)'.'];

    /// <summary>An archive, as PyTorch writes since 1.6.</summary>
    public byte[] Archive(string folder = "archive", CompressionLevel compression = CompressionLevel.NoCompression, string? byteOrder = "little")
    {
        var stream = new MemoryStream();
        using (var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            Add(archive, $"{folder}/data.pkl", Pickle(), compression);
            if (byteOrder is not null)
            {
                Add(archive, $"{folder}/byteorder", Encoding.ASCII.GetBytes(byteOrder), compression);
            }
            foreach ((string key, byte[] bytes) in _storages)
            {
                Add(archive, $"{folder}/data/{key}", bytes, compression);
            }
            Add(archive, $"{folder}/version", "3\n"u8.ToArray(), compression);
        }
        return stream.ToArray();
    }

    /// <summary>A file of PyTorch before 1.6: the pickle between others, then each storage behind the number of its elements.</summary>
    public byte[] Old(int elementBytes)
    {
        var stream = new MemoryStream();
        // 0x1950A86A20F9469CFC6C, 1001, {}
        stream.Write([0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, (byte)'.']);
        stream.Write([0x80, 2, (byte)'M', 0xE9, 3, (byte)'.']);
        stream.Write([0x80, 2, (byte)'}', (byte)'.']);
        stream.Write(Pickle());
        var keys = new TorchFileWriter().Raw((byte)']', (byte)'(');
        foreach ((string key, _) in _storages)
        {
            keys.Text(key);
        }
        stream.Write(keys.Raw((byte)'e').Pickle());
        foreach ((_, byte[] bytes) in _storages)
        {
            byte[] count = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(count, bytes.Length / elementBytes);
            stream.Write(count);
            stream.Write(bytes);
        }
        return stream.ToArray();
    }

    private static void Add(ZipArchive archive, string name, byte[] bytes, CompressionLevel compression)
    {
        using Stream entry = archive.CreateEntry(name, compression).Open();
        entry.Write(bytes);
    }
}
