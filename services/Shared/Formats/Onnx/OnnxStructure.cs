using Brownian.Formats.Files;

namespace Brownian.Formats.Onnx;

/// <summary>
/// The structure of an ONNX file with the positions of its weights (<c>onnx.proto3</c> of github.com/onnx/onnx; the numbers below are its field
/// numbers). Only the structure is read: when a weight is replaced, everything else stays unchanged, byte for byte.
/// </summary>
public sealed class OnnxStructure
{
    private const int BufferBytes = 1 << 16;

    /// <summary>The largest nesting depth of graphs.</summary>
    private const int DeepestGraph = 32;

    private readonly List<OnnxNode> _nodes = [];
    private readonly List<OnnxInitializer> _initializers = [];
    private readonly List<OnnxValue> _inputs = [];
    private readonly List<OnnxValue> _outputs = [];
    private readonly HashSet<string> _outerUses = new(StringComparer.Ordinal);
    private readonly List<(string Name, long Start, long End)> _values = [];

    private OnnxStructure(string file, long length, DateTime written)
    {
        File = file;
        Length = length;
        Written = written;
    }

    /// <summary>The graph's file.</summary>
    public string File { get; }

    /// <summary>The file's length in bytes.</summary>
    public long Length { get; }

    /// <summary>When the file was last written, UTC.</summary>
    public DateTime Written { get; }

    /// <summary>
    /// The position of the graph's field in the model: the first byte of its tag, the first byte of its content, and the byte after it.
    /// </summary>
    public (long Tag, long Start, long End) Graph { get; private set; }

    /// <summary>The graph's nodes in their order.</summary>
    public IReadOnlyList<OnnxNode> Nodes => _nodes;

    /// <summary>The graph's initializers in their order.</summary>
    public IReadOnlyList<OnnxInitializer> Initializers => _initializers;

    /// <summary>The graph's inputs.</summary>
    public IReadOnlyList<OnnxValue> Inputs => _inputs;

    /// <summary>The graph's outputs.</summary>
    public IReadOnlyList<OnnxValue> Outputs => _outputs;

    /// <summary>Names that are used outside the graph's own nodes: as outputs, or by nested graphs.</summary>
    public IReadOnlySet<string> OuterUses => _outerUses;

    /// <summary>The entries of <c>value_info</c> with the ranges of their fields.</summary>
    public IReadOnlyList<(string Name, long Start, long End)> Values => _values;

    /// <summary>Reads a file's structure.</summary>
    /// <exception cref="ModelException">The file cannot be read, or is not an ONNX model.</exception>
    public static OnnxStructure Read(string file)
    {
        try
        {
            using FileStream stream = OpenRead(file);
            var structure = new OnnxStructure(file, stream.Length, System.IO.File.GetLastWriteTimeUtc(file));
            structure.ReadModel(new WireReader(stream));
            return structure;
        }
        catch (Exception exception) when (exception is InvalidDataException or EndOfStreamException or OverflowException)
        {
            throw new ModelException(
                MistakenFile.DescribeFile(file) is { } mistaken
                    ? $"{file} is {mistaken}"
                    : $"{file} is not an ONNX model: {exception.Message}", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{file} cannot be read: {exception.Message}", exception);
        }
    }

    /// <summary>Opens a graph's file for reading.</summary>
    public static FileStream OpenRead(string file) => new(file, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes);

    private void ReadModel(WireReader reader)
    {
        bool found = false;
        while (reader.Position < Length)
        {
            long tag = reader.Position;
            (int field, int type) = reader.ReadTag();
            if (field != 7 || type != WireReader.Delimited)
            {
                reader.Skip(type, Length);
                continue;
            }
            if (found)
            {
                throw new InvalidDataException("it has two graphs");
            }
            found = true;
            long end = reader.ReadEnd(Length);
            Graph = (tag, reader.Position, end);
            ReadGraph(reader, end);
        }
        if (!found)
        {
            throw new InvalidDataException("it has no graph");
        }
    }

    private void ReadGraph(WireReader reader, long end)
    {
        while (reader.Position < end)
        {
            long start = reader.Position;
            (int field, int type) = reader.ReadTag();
            if (type != WireReader.Delimited)
            {
                reader.Skip(type, end);
                continue;
            }
            switch (field)
            {
                case 1:
                    _nodes.Add(ReadNode(reader, reader.ReadEnd(end), 0));
                    break;
                case 5:
                    _initializers.Add(ReadInitializer(reader, start, reader.ReadEnd(end)));
                    break;
                case 11:
                    _inputs.Add(ReadValue(reader, reader.ReadEnd(end)));
                    break;
                case 12:
                    _outputs.Add(ReadValue(reader, reader.ReadEnd(end)));
                    _outerUses.Add(_outputs[^1].Name);
                    break;
                case 13:
                    long valueEnd = reader.ReadEnd(end);
                    _values.Add((ReadFirstText(reader, valueEnd), start, valueEnd));
                    break;
                default:
                    reader.Skip(type, end);
                    break;
            }
        }
    }

    private OnnxNode ReadNode(WireReader reader, long end, int depth)
    {
        string name = "", op = "";
        string? scopes = null;
        List<string> inputs = [], outputs = [];
        bool transposesB = false;
        var permutation = new List<int>();
        while (reader.Position < end)
        {
            (int field, int type) = reader.ReadTag();
            switch (field, type)
            {
                case (1, WireReader.Delimited):
                    inputs.Add(reader.ReadText(end));
                    break;
                case (2, WireReader.Delimited):
                    outputs.Add(reader.ReadText(end));
                    break;
                case (3, WireReader.Delimited):
                    name = reader.ReadText(end);
                    break;
                case (4, WireReader.Delimited):
                    op = reader.ReadText(end);
                    break;
                case (5, WireReader.Delimited):
                    transposesB |= ReadAttribute(reader, reader.ReadEnd(end), permutation, depth);
                    break;
                case (9, WireReader.Delimited):
                    (string key, string value) = ReadEntry(reader, reader.ReadEnd(end));
                    scopes = key == "pkg.torch.onnx.name_scopes" ? value : scopes;
                    break;
                default:
                    reader.Skip(type, end);
                    break;
            }
        }
        return new OnnxNode(name, op, inputs, outputs, scopes, transposesB, permutation);
    }

    /// <returns>Whether the attribute is a <c>transB</c> that is set.</returns>
    private bool ReadAttribute(WireReader reader, long end, List<int> permutation, int depth)
    {
        string name = "";
        long number = 0;
        var numbers = new List<int>();
        while (reader.Position < end)
        {
            (int field, int type) = reader.ReadTag();
            switch (field, type)
            {
                case (1, WireReader.Delimited):
                    name = reader.ReadText(end);
                    break;
                case (3, WireReader.Varint):
                    number = (long)reader.ReadVarint();
                    break;
                case (8, WireReader.Varint):
                    numbers.Add((int)reader.ReadVarint());
                    break;
                case (8, WireReader.Delimited):
                    for (long packedEnd = reader.ReadEnd(end); reader.Position < packedEnd;)
                    {
                        numbers.Add((int)reader.ReadVarint());
                    }
                    break;
                case (6 or 11, WireReader.Delimited):
                    ReadInnerGraph(reader, reader.ReadEnd(end), depth + 1);
                    break;
                default:
                    reader.Skip(type, end);
                    break;
            }
        }
        if (name == "perm")
        {
            permutation.AddRange(numbers);
        }
        return name == "transB" && number != 0;
    }

    /// <summary>Reads a graph within a node, which can use the names of the enclosing graph.</summary>
    private void ReadInnerGraph(WireReader reader, long end, int depth)
    {
        if (depth > DeepestGraph)
        {
            throw new InvalidDataException($"graphs are nested more than {DeepestGraph} levels deep");
        }
        while (reader.Position < end)
        {
            (int field, int type) = reader.ReadTag();
            switch (field, type)
            {
                case (1, WireReader.Delimited):
                    _outerUses.UnionWith(ReadNode(reader, reader.ReadEnd(end), depth).Inputs);
                    break;
                case (12, WireReader.Delimited):
                    _outerUses.Add(ReadFirstText(reader, reader.ReadEnd(end)));
                    break;
                default:
                    reader.Skip(type, end);
                    break;
            }
        }
    }

    private static OnnxInitializer ReadInitializer(WireReader reader, long start, long end)
    {
        string name = "";
        int elementType = 0;
        bool external = false;
        var shape = new List<long>();
        (long, long)? raw = null;
        var packed = new List<(int, int, long, long)>();
        var entries = new Dictionary<string, string>(StringComparer.Ordinal);
        while (reader.Position < end)
        {
            (int field, int type) = reader.ReadTag();
            switch (field, type)
            {
                case (1, WireReader.Varint):
                    shape.Add((long)reader.ReadVarint());
                    break;
                case (1, WireReader.Delimited):
                    for (long packedEnd = reader.ReadEnd(end); reader.Position < packedEnd;)
                    {
                        shape.Add((long)reader.ReadVarint());
                    }
                    break;
                case (2, WireReader.Varint):
                    elementType = (int)reader.ReadVarint();
                    break;
                case (8, WireReader.Delimited):
                    name = reader.ReadText(end);
                    break;
                case (9, WireReader.Delimited):
                    long rawEnd = reader.ReadEnd(end);
                    raw = (reader.Position, rawEnd);
                    reader.Seek(rawEnd);
                    break;
                case (4 or 5, _):
                    long valueStart = reader.Position;
                    if (type == WireReader.Delimited)
                    {
                        long valueEnd = reader.ReadEnd(end);
                        valueStart = reader.Position;
                        reader.Seek(valueEnd);
                    }
                    else
                    {
                        reader.Skip(type, end);
                    }
                    packed.Add((field, type, valueStart, reader.Position));
                    break;
                case (13, WireReader.Delimited):
                    (string key, string value) = ReadEntry(reader, reader.ReadEnd(end));
                    entries[key] = value;
                    break;
                case (14, WireReader.Varint):
                    external = reader.ReadVarint() == 1;
                    break;
                default:
                    reader.Skip(type, end);
                    break;
            }
        }
        var initializer = new OnnxInitializer(name, elementType, shape, start, end, raw, packed, external ? entries : null);
        return shape.TrueForAll(size => size >= 0) && initializer.Count >= 0
            ? initializer
            : throw new InvalidDataException($"the weight \"{name}\" has a negative size");
    }

    /// <summary>Reads a ValueInfoProto: a name, and a tensor type.</summary>
    private static OnnxValue ReadValue(WireReader reader, long end)
    {
        string name = "";
        var shape = new List<int?>();
        while (reader.Position < end)
        {
            (int field, int type) = reader.ReadTag();
            switch (field, type)
            {
                case (1, WireReader.Delimited):
                    name = reader.ReadText(end);
                    break;
                case (2, WireReader.Delimited):
                    // TypeProto.tensor_type, its shape, and every dim of that.
                    Within(
                        reader, reader.ReadEnd(end), 1, (tensor, tensorEnd) =>
                            Within(
                                tensor, tensorEnd, 2, (sides, sidesEnd) =>
                                    Within(sides, sidesEnd, 1, (side, sideEnd) => shape.Add(ReadSide(side, sideEnd)))));
                    break;
                default:
                    reader.Skip(type, end);
                    break;
            }
        }
        return new OnnxValue(name, shape);
    }

    /// <summary>Reads a Dimension's number; null for a symbolic or empty one.</summary>
    private static int? ReadSide(WireReader reader, long end)
    {
        int? side = null;
        while (reader.Position < end)
        {
            (int field, int type) = reader.ReadTag();
            if (field == 1 && type == WireReader.Varint)
            {
                side = reader.ReadVarint() is > 0 and <= int.MaxValue and ulong number ? (int)number : null;
            }
            else
            {
                reader.Skip(type, end);
            }
        }
        return side;
    }

    /// <summary>Reads every message of one field, and skips the others.</summary>
    private static void Within(WireReader reader, long end, int wanted, Action<WireReader, long> read)
    {
        while (reader.Position < end)
        {
            (int field, int type) = reader.ReadTag();
            if (field == wanted && type == WireReader.Delimited)
            {
                read(reader, reader.ReadEnd(end));
            }
            else
            {
                reader.Skip(type, end);
            }
        }
    }

    /// <summary>Reads the name of a ValueInfoProto, its first field.</summary>
    private static string ReadFirstText(WireReader reader, long end)
    {
        string text = "";
        while (reader.Position < end)
        {
            (int field, int type) = reader.ReadTag();
            if (field == 1 && type == WireReader.Delimited)
            {
                text = reader.ReadText(end);
            }
            else
            {
                reader.Skip(type, end);
            }
        }
        return text;
    }

    private static (string Key, string Value) ReadEntry(WireReader reader, long end)
    {
        string key = "", value = "";
        while (reader.Position < end)
        {
            (int field, int type) = reader.ReadTag();
            switch (field, type)
            {
                case (1, WireReader.Delimited):
                    key = reader.ReadText(end);
                    break;
                case (2, WireReader.Delimited):
                    value = reader.ReadText(end);
                    break;
                default:
                    reader.Skip(type, end);
                    break;
            }
        }
        return (key, value);
    }
}
