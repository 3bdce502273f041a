using System.Runtime.InteropServices;
using Google.Protobuf;

namespace Brownian.Inference.Tests.Models;

/// <summary>Writes small ONNX graphs with any names, types and shapes (onnx.proto3, IR 8, opset 17).</summary>
internal sealed class OnnxStub
{
    public const int Float32 = 1;
    public const int Int32 = 6;
    public const int Int64 = 7;
    public const int Boolean = 9;
    public const int Float16 = 10;

    private readonly List<byte[]> _nodes = [];
    private readonly List<byte[]> _initializers = [];
    private readonly List<byte[]> _inputs = [];
    private readonly List<byte[]> _outputs = [];

    /// <summary>An input; a dimension of null is dynamic.</summary>
    public OnnxStub Input(string name, int type, params int?[] shape)
    {
        _inputs.Add(ValueInfo(name, type, shape));
        return this;
    }

    /// <summary>An output; a dimension of null is dynamic.</summary>
    public OnnxStub Output(string name, int type, params int?[] shape)
    {
        _outputs.Add(ValueInfo(name, type, shape));
        return this;
    }

    /// <summary>A node with whole numbers, or lists of them, as attributes.</summary>
    public OnnxStub Node(string op, string[] inputs, string output, params (string Name, object Value)[] attributes) =>
        Node("", op, inputs, output, attributes);

    /// <summary>A node with a name, and with the scopes that the newer exporter writes beside it.</summary>
    public OnnxStub Named(
        string name, string op, string[] inputs, string output, string? scopes = null, params (string Name, object Value)[] attributes)
    {
        Node("", op, inputs, output, attributes);
        _nodes[^1] = [.. _nodes[^1], .. Message(node =>
        {
            // Of two values of a field the last is used.
            Text(node, 3, name);
            if (scopes is not null)
            {
                Bytes(node, 9, Message(entry =>
                {
                    Text(entry, 1, "pkg.torch.onnx.name_scopes");
                    Text(entry, 2, scopes);
                }));
            }
        })];
        return this;
    }

    /// <summary>A node of another domain.</summary>
    public OnnxStub Node(string domain, string op, string[] inputs, string output, params (string Name, object Value)[] attributes)
    {
        _nodes.Add(Message(node =>
        {
            foreach (string input in inputs)
            {
                Text(node, 1, input);
            }
            Text(node, 2, output);
            Text(node, 3, $"{op}_{output}");
            Text(node, 4, op);
            foreach ((string name, object value) in attributes)
            {
                Bytes(node, 5, Message(attribute =>
                {
                    Text(attribute, 1, name);
                    if (value is byte[] graph)
                    {
                        Bytes(attribute, 6, graph);
                        Number(attribute, 20, 5);
                        return;
                    }
                    if (value is int[] list)
                    {
                        foreach (int element in list)
                        {
                            Number(attribute, 8, element);
                        }
                        Number(attribute, 20, 7);
                        return;
                    }
                    Number(attribute, 3, (int)value);
                    Number(attribute, 20, 2);
                }));
            }
            Text(node, 7, domain);
        }));
        return this;
    }

    /// <summary>A loop that adds zero to a scalar, for longer than any test runs.</summary>
    public OnnxStub EndlessLoop(string start, string output) => Loop(start, output, long.MaxValue);

    /// <summary>A loop that adds zero to a scalar a number of times.</summary>
    public OnnxStub Loop(string start, string output, long turns)
    {
        byte[] body = Message(graph =>
        {
            Repeat(graph, 1, new OnnxStub().Node("Identity", ["goes_on"], "still_goes_on").Node("Add", ["value", "nothing"], "next")._nodes);
            Text(graph, 2, "body");
            Repeat(graph, 5, new OnnxStub().Weights("nothing", [0])._initializers);
            Repeat(graph, 11, new OnnxStub().Input("turn", Int64).Input("goes_on", Boolean).Input("value", Float32)._inputs);
            Repeat(graph, 12, new OnnxStub().Output("still_goes_on", Boolean).Output("next", Float32)._outputs);
        });
        return Whole("turns", [turns]).Node("Loop", ["turns", "", start], output, ("body", body));
    }

    /// <summary>Float32 weights inside the file.</summary>
    public OnnxStub Weights(string name, float[] values, params long[] shape)
    {
        _initializers.Add(Tensor(name, Float32, shape, MemoryMarshal.AsBytes(values.AsSpan()).ToArray(), null));
        return this;
    }

    /// <summary>Float16 weights inside the file.</summary>
    public OnnxStub HalfWeights(string name, float[] values, params long[] shape)
    {
        Half[] halves = [.. values.Select(value => (Half)value)];
        _initializers.Add(Tensor(name, Float16, shape, MemoryMarshal.AsBytes(halves.AsSpan()).ToArray(), null));
        return this;
    }

    /// <summary>Weights inside the file as numbers, in the way of small files: <c>float_data</c>, or the halves' bits in <c>int32_data</c>.</summary>
    public OnnxStub NumberWeights(string name, float[] values, bool half, params long[] shape)
    {
        _initializers.Add(
            [.. Tensor(name, half ? Float16 : Float32, shape, null, null), .. Message(tensor => Bytes(tensor, half ? 5 : 4, Message(numbers =>
        {
            foreach (float value in values)
            {
                if (half)
                {
                    numbers.WriteUInt32(BitConverter.HalfToUInt16Bits((Half)value));
                }
                else
                {
                    numbers.WriteFloat(value);
                }
            }
        })))]);
        return this;
    }

    /// <summary>Whole numbers inside the file.</summary>
    public OnnxStub Whole(string name, long[] values, params long[] shape)
    {
        _initializers.Add(Tensor(name, Int64, shape, MemoryMarshal.AsBytes(values.AsSpan()).ToArray(), null));
        return this;
    }

    /// <summary>Float32 weights in a file beside the graph.</summary>
    public OnnxStub ExternalWeights(string folder, string file, string name, float[] values, params long[] shape)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllBytes(Path.Combine(folder, file), MemoryMarshal.AsBytes(values.AsSpan()).ToArray());
        _initializers.Add(Tensor(name, Float32, shape, null, file));
        return this;
    }

    /// <summary>Writes the graph.</summary>
    public void Save(string file)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllBytes(file, Message(model =>
        {
            Number(model, 1, 8);
            Bytes(model, 7, Message(graph =>
            {
                Repeat(graph, 1, _nodes);
                Text(graph, 2, "stub");
                Repeat(graph, 5, _initializers);
                Repeat(graph, 11, _inputs);
                Repeat(graph, 12, _outputs);
            }));
            foreach ((string domain, long version) in ((string, long)[])[("", 17), ("com.microsoft", 1)])
            {
                Bytes(model, 8, Message(opset =>
                {
                    Text(opset, 1, domain);
                    Number(opset, 2, version);
                }));
            }
        }));
    }

    private static byte[] Tensor(string name, int type, long[] shape, byte[]? raw, string? externalFile) => Message(tensor =>
    {
        foreach (long size in shape)
        {
            Number(tensor, 1, size);
        }
        Number(tensor, 2, type);
        Text(tensor, 8, name);
        if (raw is not null)
        {
            Bytes(tensor, 9, raw);
            return;
        }
        if (externalFile is null)
        {
            return;
        }
        Bytes(tensor, 13, Message(entry =>
        {
            Text(entry, 1, "location");
            Text(entry, 2, externalFile);
        }));
        Number(tensor, 14, 1);
    });

    private static byte[] ValueInfo(string name, int type, int?[] shape) => Message(value =>
    {
        Text(value, 1, name);
        Bytes(value, 2, Message(typeProto => Bytes(typeProto, 1, Message(tensor =>
        {
            Number(tensor, 1, type);
            Bytes(tensor, 2, Message(dimensions =>
            {
                for (int i = 0; i < shape.Length; i++)
                {
                    int? size = shape[i];
                    string symbol = $"{name}_{i}";
                    Bytes(dimensions, 1, Message(dimension =>
                    {
                        if (size is { } known)
                        {
                            Number(dimension, 1, known);
                        }
                        else
                        {
                            Text(dimension, 2, symbol);
                        }
                    }));
                }
            }));
        }))));
    });

    private static byte[] Message(Action<CodedOutputStream> write)
    {
        using var bytes = new MemoryStream();
        using (var output = new CodedOutputStream(bytes, leaveOpen: true))
        {
            write(output);
        }
        return bytes.ToArray();
    }

    private static void Repeat(CodedOutputStream output, int field, IEnumerable<byte[]> messages)
    {
        foreach (byte[] message in messages)
        {
            Bytes(output, field, message);
        }
    }

    private static void Text(CodedOutputStream output, int field, string text)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteString(text);
    }

    private static void Bytes(CodedOutputStream output, int field, byte[] bytes)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(bytes));
    }

    private static void Number(CodedOutputStream output, int field, long value)
    {
        output.WriteTag(field, WireFormat.WireType.Varint);
        output.WriteInt64(value);
    }
}
