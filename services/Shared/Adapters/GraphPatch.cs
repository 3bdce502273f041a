using System.Buffers.Binary;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Text;
using Brownian.Formats.Files;
using Brownian.Formats.Onnx;
using Brownian.Formats.Tensors;

namespace Brownian.Adapters;

/// <summary>
/// Rewrites a graph with some weights replaced, so that every later optimization uses the new values. All other bytes are unchanged.
/// </summary>
internal sealed class GraphPatch
{
    /// <summary>The number of bytes by which external weights may enlarge a graph in memory. Beyond it they are written to a separate file.</summary>
    public const long DefaultInlineLimit = 512L << 20;

    /// <summary>The alignment of weights in a separate file, so that it can be memory-mapped.</summary>
    private const int PageBytes = 4096;

    private readonly OnnxStructure _structure;
    private readonly List<(OnnxInitializer Initializer, IReadOnlyList<long> Shape, Action<float[]> Fill)> _changes = [];

    public GraphPatch(OnnxStructure structure)
    {
        _structure = structure;
    }

    /// <summary>Replaces a weight's values, or extends it along its first dimension.</summary>
    /// <param name="initializer">A weight of float32, float16 or bfloat16.</param>
    /// <param name="shape">The weight's new shape.</param>
    /// <param name="fill">Changes the values: the old values, followed by zeros.</param>
    public void Change(OnnxInitializer initializer, IReadOnlyList<long> shape, Action<float[]> fill) => _changes.Add((initializer, shape, fill));

    /// <summary>Writes the graph.</summary>
    /// <param name="inlineLimit">See <see cref="DefaultInlineLimit"/>.</param>
    /// <exception cref="ModelException">The file was changed since its structure was read, or a weight's data is damaged.</exception>
    public PatchedGraph Write(long inlineLimit)
    {
        string file = _structure.File;
        try
        {
            using FileStream source = OnnxStructure.OpenRead(file);
            if (source.Length != _structure.Length || File.GetLastWriteTimeUtc(file) != _structure.Written)
            {
                throw new ModelException($"{file} changed while it was in use");
            }
            bool isExternal = _structure.Initializers.Any(initializer => initializer.External is not null);
            long added =
                _changes.Sum(change => Bytes(change.Initializer, change.Shape) - (change.Initializer.Raw is { } raw ? raw.End - raw.Start : 0));
            return added <= inlineLimit && _structure.Length + added < int.MaxValue - (1 << 20)
                ? WriteInline(source, isExternal)
                : WriteSpilled(source);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{file} cannot be read, or its changed weights cannot be written: {exception.Message}", exception);
        }
    }

    private PatchedGraph WriteInline(FileStream source, bool isExternal)
    {
        var fields = new List<NewField>();
        foreach ((OnnxInitializer initializer, IReadOnlyList<long> shape, Action<float[]> fill) in _changes)
        {
            byte[] head = Head(initializer, shape);
            int raw = (int)Bytes(initializer, shape);
            byte[] rawTag = Concat(Varint(9 << 3 | WireReader.Delimited), Varint((ulong)raw));
            byte[] start = Concat(Varint(5 << 3 | WireReader.Delimited), Varint((ulong)(head.Length + rawTag.Length + raw)), head, rawTag);
            fields.Add(new NewField(initializer.Start, initializer.End, start, raw, target => Values(source, initializer, fill, target)));
        }
        return new PatchedGraph(
            _structure.File, Compose(source, fields), isExternal ? Path.GetDirectoryName(Path.GetFullPath(_structure.File)) : null, null);
    }

    /// <summary>
    /// Writes the weights to a file in a temporary folder. The runtime reads external data from within one folder only. The root is the only folder
    /// that contains both the model's own data and the new file without links or copies.
    /// </summary>
    private PatchedGraph WriteSpilled(FileStream source)
    {
        string folder = Directory.CreateTempSubdirectory("brownian-adapters-").FullName;
        try
        {
            string own = Path.GetDirectoryName(Path.GetFullPath(_structure.File))!, root = Path.GetPathRoot(own)!,
            data = Path.Combine(folder, "merged.bin");
            if (!string.Equals(root, Path.GetPathRoot(data), StringComparison.Ordinal))
            {
                throw new ModelException($"The temporary folder {folder} must be on the same drive as {_structure.File}: {root}");
            }
            var fields = new List<NewField>();
            using (FileStream spill = File.Create(data))
            {
                foreach ((OnnxInitializer initializer, IReadOnlyList<long> shape, Action<float[]> fill) in _changes)
                {
                    byte[] bytes = new byte[Bytes(initializer, shape)];
                    Values(source, initializer, fill, bytes);
                    spill.SetLength((spill.Length + PageBytes - 1) / PageBytes * PageBytes);
                    spill.Seek(0, SeekOrigin.End);
                    long offset = spill.Position;
                    spill.Write(bytes);
                    fields.Add(External(initializer, shape, Path.GetRelativePath(root, data), offset, bytes.Length));
                }
            }
            foreach (OnnxInitializer other in _structure.Initializers.Where(other => other.External is not null
                && _changes.TrueForAll(change => change.Initializer != other)))
            {
                (string path, long offset, long length) = Locate(other);
                fields.Add(External(other, other.Shape, Path.GetRelativePath(root, path), offset, length));
            }
            return new PatchedGraph(_structure.File, Compose(source, fields), root, folder);
        }
        catch
        {
            Directory.Delete(folder, recursive: true);
            throw;
        }
    }

    private static NewField External(OnnxInitializer initializer, IReadOnlyList<long> shape, string location, long offset, long length)
    {
        byte[] message = Concat(
            Head(initializer, shape),
            Entry("location", location.Replace('\\', '/')),
            Entry("offset", offset.ToString(CultureInfo.InvariantCulture)),
            Entry("length", length.ToString(CultureInfo.InvariantCulture)),
            Varint(14 << 3 | WireReader.Varint),
            Varint(1));
        return new NewField(
            initializer.Start, initializer.End, Concat(Varint(5 << 3 | WireReader.Delimited), Varint((ulong)message.Length), message), 0, null);

        static byte[] Entry(string key, string value) =>
            Field(13, Concat(Field(1, Encoding.UTF8.GetBytes(key)), Field(2, Encoding.UTF8.GetBytes(value))));
    }

    /// <summary>Returns the file's bytes with some fields of its graph replaced.</summary>
    private byte[] Compose(FileStream source, List<NewField> fields)
    {
        // A longer table contradicts the shape that the exporter recorded. The recorded shape is not needed and is removed.
        HashSet<string> grown =
            [.. _changes.Where(change => !change.Shape.SequenceEqual(change.Initializer.Shape)).Select(change => change.Initializer.Name)];
        fields.AddRange(
            _structure.Values.Where(value => grown.Contains(value.Name)).Select(value => new NewField(value.Start, value.End, [], 0, null)));
        fields.Sort((one, other) => one.Start.CompareTo(other.Start));
        (long graphTag, long graphStart, long graphEnd) = _structure.Graph;
        long content = graphEnd - graphStart + fields.Sum(field => field.Head.Length + field.Raw - (field.End - field.Start));
        byte[] graph = Concat(Varint(7 << 3 | WireReader.Delimited), Varint((ulong)content));
        byte[] target = new byte[graphTag + graph.Length + content + (_structure.Length - graphEnd)];
        int at = 0;
        Copy(source, 0, graphTag, target, ref at);
        graph.CopyTo(target, at);
        at += graph.Length;
        long position = graphStart;
        foreach (NewField field in fields)
        {
            Copy(source, position, field.Start, target, ref at);
            field.Head.CopyTo(target, at);
            at += field.Head.Length;
            field.Fill?.Invoke(target.AsMemory(at, field.Raw));
            at += field.Raw;
            position = field.End;
        }
        Copy(source, position, graphEnd, target, ref at);
        Copy(source, graphEnd, _structure.Length, target, ref at);
        return target;
    }

    private static void Copy(FileStream source, long start, long end, byte[] target, ref int at)
    {
        source.Seek(start, SeekOrigin.Begin);
        source.ReadExactly(target, at, (int)(end - start));
        at += (int)(end - start);
    }

    /// <summary>Writes a weight's new values, rounded once to its element type.</summary>
    private void Values(FileStream source, OnnxInitializer initializer, Action<float[]> fill, Memory<byte> target)
    {
        int size = initializer.ElementBytes!.Value;
        float[] values = new float[target.Length / size];
        int old = (int)initializer.Count;
        byte[] bytes = ReadOld(source, initializer);
        switch (initializer.Type)
        {
            case OnnxInitializer.Float32:
                bytes.CopyTo(MemoryMarshal.AsBytes(values.AsSpan()));
                break;
            case OnnxInitializer.Float16:
                TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(bytes), values.AsSpan(0, old));
                break;
            default:
                Bfloat16.Widen(bytes, values.AsSpan(0, old));
                break;
        }
        fill(values);
        if (Array.Exists(values, value => !float.IsFinite(value)))
        {
            throw TooLarge(initializer, "float32");
        }
        switch (initializer.Type)
        {
            case OnnxInitializer.Float32:
                MemoryMarshal.AsBytes(values.AsSpan()).CopyTo(target.Span);
                break;
            case OnnxInitializer.Float16:
                Half[] halves = new Half[values.Length];
                TensorPrimitives.ConvertToHalf(values, halves);
                MemoryMarshal.AsBytes(halves.AsSpan()).CopyTo(target.Span);
                if (Array.Exists(halves, half => !Half.IsFinite(half)))
                {
                    throw TooLarge(initializer, "float16");
                }
                break;
            default:
                Bfloat16.Narrow(values, target.Span);
                break;
        }
    }

    private byte[] ReadOld(FileStream source, OnnxInitializer initializer)
    {
        long length = initializer.Count * initializer.ElementBytes!.Value;
        if (initializer.External is not null)
        {
            (string path, long offset, long stated) = Locate(initializer);
            if (stated != length)
            {
                throw Damaged(initializer, $"has {stated} bytes in {path}, and its shape requires {length}");
            }
            using FileStream data = File.OpenRead(path);
            byte[] external = new byte[length];
            data.Seek(offset, SeekOrigin.Begin);
            data.ReadExactly(external);
            return external;
        }
        if (initializer.Raw is { } raw)
        {
            if (raw.End - raw.Start != length)
            {
                throw Damaged(initializer, $"has {raw.End - raw.Start} bytes, and its shape requires {length}");
            }
            byte[] inline = new byte[length];
            source.Seek(raw.Start, SeekOrigin.Begin);
            source.ReadExactly(inline);
            return inline;
        }
        return ReadPacked(source, initializer, length);
    }

    /// <summary>Reads packed values: <c>float_data</c> contains float32, <c>int32_data</c> the bits of the 16-bit types.</summary>
    private byte[] ReadPacked(FileStream source, OnnxInitializer initializer, long length)
    {
        byte[] bytes = new byte[length];
        int at = 0, size = initializer.ElementBytes!.Value;
        int wanted = size == sizeof(float) ? 4 : 5;
        foreach ((int field, _, long start, long end) in initializer.Packed)
        {
            source.Seek(start, SeekOrigin.Begin);
            var reader = new WireReader(source);
            while (reader.Position < end && field == wanted && at + size <= length)
            {
                if (size == sizeof(float))
                {
                    reader.ReadBytes(bytes.AsSpan(at, size));
                }
                else
                {
                    BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(at), (ushort)reader.ReadVarint());
                }
                at += size;
            }
            if (reader.Position != end)
            {
                throw Damaged(initializer, "has other values than its shape and type require");
            }
        }
        return at == length ? bytes : throw Damaged(initializer, $"has {at} bytes of values, and its shape requires {length}");
    }

    /// <summary>Returns the location of a weight's external data.</summary>
    private (string Path, long Offset, long Length) Locate(OnnxInitializer initializer)
    {
        IReadOnlyDictionary<string, string> external = initializer.External!;
        string folder = Path.GetDirectoryName(Path.GetFullPath(_structure.File))!;
        if (!external.TryGetValue("location", out string? location) || location.Length == 0 || Path.IsPathRooted(location)
            || location.Split('/', '\\').Contains(".."))
        {
            throw Damaged(initializer, $"has its data in \"{location}\"; allowed: a file beside the graph");
        }
        string path = Path.Combine(folder, location);
        if (!File.Exists(path))
        {
            throw Damaged(initializer, $"has its data in {path}, which does not exist");
        }
        long size = new FileInfo(path).Length;
        long offset = Number("offset", 0), length = Number("length", size - offset);
        return offset >= 0 && length >= 0 && offset <= size - length
            ? (path, offset, length)
            : throw Damaged(initializer, $"has {length} bytes at {offset} in {path}, which has {size}");

        long Number(string key, long absent) => !external.TryGetValue(key, out string? text) ? absent
            : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number
            : throw Damaged(initializer, $"has the {key} \"{text}\" in its external data");
    }

    private ModelException TooLarge(OnnxInitializer initializer, string type) =>
        new($"{_structure.File}: with these adapters the weight {initializer.Name} has values beyond {type}; give them smaller weights");

    private ModelException Damaged(OnnxInitializer initializer, string what) =>
        new($"{_structure.File} is damaged: the weight {initializer.Name} {what}");

    private static long Bytes(OnnxInitializer initializer, IReadOnlyList<long> shape) =>
        shape.Aggregate((long)initializer.ElementBytes!.Value, (product, size) => checked(product * size));

    private static byte[] Head(OnnxInitializer initializer, IReadOnlyList<long> shape) => Concat(
    [
        .. shape.Select(size => Concat(Varint(1 << 3 | WireReader.Varint), Varint((ulong)size))),
        Varint(2 << 3 | WireReader.Varint),
        Varint((ulong)initializer.Type),
        Field(8, Encoding.UTF8.GetBytes(initializer.Name)),
    ]);

    private static byte[] Field(int number, byte[] content) =>
        Concat(Varint((ulong)(number << 3 | WireReader.Delimited)), Varint((ulong)content.Length), content);

    private static byte[] Varint(ulong value)
    {
        byte[] bytes = new byte[WireReader.SizeOfVarint(value)];
        for (int i = 0; i < bytes.Length; i++, value >>= 7)
        {
            bytes[i] = (byte)(i + 1 < bytes.Length ? value | 0x80 : value);
        }
        return bytes;
    }

    private static byte[] Concat(params byte[][] parts) => [.. parts.SelectMany(part => part)];

    /// <summary>The replacement of a field of the graph.</summary>
    /// <param name="Start">The offset of the old field's first byte.</param>
    /// <param name="End">The offset after the old field's last byte.</param>
    /// <param name="Head">The new bytes, up to the raw data.</param>
    /// <param name="Raw">The number of bytes of raw data that follow.</param>
    /// <param name="Fill">Writes the raw data.</param>
    private sealed record NewField(long Start, long End, byte[] Head, int Raw, Action<Memory<byte>>? Fill);
}
