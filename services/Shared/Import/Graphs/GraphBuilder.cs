using System.Runtime.InteropServices;
using Brownian.Formats.Files;
using Brownian.Import.Onnx;
using Brownian.Import.Weights;
using Google.Protobuf;

namespace Brownian.Import.Graphs;

/// <summary>
/// Builds the ONNX graph of a network, in the order in which its operators run. Weights are requested by their names and the shapes that the
/// configuration gives them; what is missing or has another shape is collected, so that all of it is reported at once, before anything is written.
/// </summary>
public sealed partial class GraphBuilder
{
    /// <summary>The version of ONNX's operators. The first with Gelu is 20.</summary>
    internal const int OperatorSet = 20;

    /// <summary>The name of a graph's file.</summary>
    internal const string FileName = "model.onnx";

    /// <summary>The domain of ONNX Runtime's own operators.</summary>
    internal const string RuntimeDomain = "com.microsoft";

    private readonly GraphProto _graph;
    private readonly Parameters _parameters;
    private readonly Dictionary<string, int> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Value> _constants = new(StringComparer.Ordinal);
    private readonly List<GraphWeight> _weights = [];
    private readonly HashSet<string> _weightNames = new(StringComparer.Ordinal);
    private readonly List<string> _faults = [];
    private bool _usesRuntimeDomain;

    /// <param name="name">The graph's name: the class of the network.</param>
    /// <param name="parameters">The weights.</param>
    /// <param name="options">How the graph is built.</param>
    public GraphBuilder(string name, Parameters parameters, GraphOptions options)
    {
        _graph = new GraphProto { Name = name };
        (_parameters, Options) = (parameters, options);
    }

    /// <summary>How the graph is built.</summary>
    public GraphOptions Options { get; }

    /// <summary>The weights that are missing or have another shape than the configuration says.</summary>
    public IReadOnlyList<string> Faults => _faults;

    /// <summary>The bytes of the weights that the graph uses.</summary>
    public long WeightBytes => _weights.Sum(weight => weight.Bytes);

    /// <summary>Adds an input of the graph.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="type">Its element type.</param>
    /// <param name="sides">Its dimensions: numbers, or names of dimensions of any size.</param>
    public Value Input(string name, ElementType type, params ReadOnlySpan<Dimension> sides)
    {
        _graph.Input.Add(Describe(name, type, sides));
        _types[name] = type;
        return new Value(name);
    }

    /// <summary>Adds the input of the timestep: one number for all images of the batch, or one for each.</summary>
    /// <param name="name">Its name.</param>
    public Value TimestepInput(string name)
    {
        _graph.Input.Add(new ValueInfoProto
        {
            Name = name,
            // Without a shape, so that it may have any number of dimensions.
            Type = new TypeProto { TensorType = new TensorTypeProto { ElemType = (int)ElementType.Float32 } },
        });
        _types[name] = ElementType.Float32;
        return new Value(name);
    }

    /// <summary>Makes a value an output of the graph.</summary>
    /// <param name="name">The output's name.</param>
    /// <param name="value">The value.</param>
    /// <param name="sides">Its dimensions: numbers, or names of dimensions of any size.</param>
    public void Output(string name, Value value, params ReadOnlySpan<Dimension> sides)
    {
        _graph.Node.Add(new NodeProto { OpType = "Identity", Name = "output/" + name, Input = { Widen(value).Name }, Output = { name } });
        _graph.Output.Add(Describe(name, ElementType.Float32, sides));
    }

    /// <summary>Returns whether the network has a weight, which some networks of its kind do not have.</summary>
    /// <param name="name">Its name.</param>
    public bool Has(string name) => _parameters.Find(name) is not null;

    /// <summary>Returns a weight of the network.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="shape">The shape that the configuration gives it.</param>
    public Value Weight(string name, params ReadOnlySpan<int> shape) => Weight(name, shape, shape);

    /// <summary>Returns a weight of the network in a shape that differs by dimensions of 1 from the stored one.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="stored">The shape that the configuration gives it.</param>
    /// <param name="used">The shape in the graph.</param>
    public Value Weight(string name, ReadOnlySpan<int> stored, ReadOnlySpan<int> used)
    {
        (ElementType type, WeightEncoding encoding) = Options.UsesFloat16
            ? (ElementType.Float16, WeightEncoding.Float16) : (ElementType.Float32, WeightEncoding.Float32);
        _types[name] = type;
        _fixed[name] = null;
        return Weight(name, stored, used, encoding);
    }

    private Value Weight(string name, ReadOnlySpan<int> stored, ReadOnlySpan<int> used, WeightEncoding encoding)
    {
        if (!_weightNames.Add(name))
        {
            return new Value(name);
        }
        if (_parameters.Find(name) is not { } parameter)
        {
            _faults.Add($"{_parameters.NameOf(name)} [{Text(stored)}] is missing");
        }
        else if (!stored.SequenceEqual([.. parameter.Shape]))
        {
            _faults.Add($"{_parameters.NameOf(name)} is [{Text([.. parameter.Shape])}]; expected: [{Text(stored)}]");
        }
        else if (!parameter.Tensor.Format.IsNumeric)
        {
            _faults.Add($"{_parameters.NameOf(name)} is of type {parameter.Tensor.Format}, which does not hold numbers");
        }
        else
        {
            _weights.Add(new GraphWeight(name, [.. used], parameter, encoding));
        }
        return new Value(name);
    }

    /// <summary>Returns a list of whole numbers.</summary>
    public Value Constant(params ReadOnlySpan<long> numbers) =>
        Constant(ElementType.Int64, MemoryMarshal.AsBytes(numbers), [numbers.Length], "list_" + string.Join('_', numbers.ToArray()));

    /// <summary>Returns a constant of whole numbers.</summary>
    /// <param name="numbers">The elements.</param>
    /// <param name="shape">The shape; empty for a scalar.</param>
    public Value Constant(ReadOnlySpan<long> numbers, ReadOnlySpan<long> shape) =>
        Constant(ElementType.Int64, MemoryMarshal.AsBytes(numbers), shape, null);

    /// <summary>Returns a constant.</summary>
    /// <param name="numbers">The elements.</param>
    /// <param name="shape">The shape; empty for a scalar.</param>
    public Value Constant(ReadOnlySpan<float> numbers, params ReadOnlySpan<long> shape) =>
        Constant(ElementType.Float32, MemoryMarshal.AsBytes(numbers), shape, null);

    /// <summary>Returns a constant of bytes.</summary>
    /// <param name="numbers">The elements.</param>
    /// <param name="shape">The shape; empty for a scalar.</param>
    public Value Bytes(ReadOnlySpan<byte> numbers, params ReadOnlySpan<long> shape) => Constant(ElementType.UInt8, numbers, shape, null);

    /// <summary>Returns a constant of 64-bit floats.</summary>
    /// <param name="numbers">The elements.</param>
    /// <param name="shape">The shape; empty for a scalar.</param>
    public Value Constant(ReadOnlySpan<double> numbers, params ReadOnlySpan<long> shape) =>
        Constant(ElementType.Float64, MemoryMarshal.AsBytes(numbers), shape, null);

    /// <summary>Returns a scalar.</summary>
    public Value Scalar(float number) => Constant(
        ElementType.Float32, MemoryMarshal.AsBytes<float>([number]), [], "scalar_" + number.ToString("R", CultureInfo.InvariantCulture));

    /// <summary>Adds a node with one output.</summary>
    /// <param name="at">The module that it belongs to, for its name.</param>
    /// <param name="op">The operator.</param>
    /// <param name="inputs">The inputs; <see cref="Value.None"/> for those left out.</param>
    /// <param name="attributes">The attributes: whole numbers, numbers, texts, and lists of whole numbers.</param>
    public Value Node(string at, string op, ReadOnlySpan<Value> inputs, params ReadOnlySpan<(string Name, object Value)> attributes) =>
        Nodes(at, "", op, 1, inputs, attributes)[0];

    /// <summary>Adds a node of ONNX Runtime's own operators with one output.</summary>
    /// <inheritdoc cref="Node"/>
    public Value RuntimeNode(string at, string op, ReadOnlySpan<Value> inputs, params ReadOnlySpan<(string Name, object Value)> attributes)
    {
        _usesRuntimeDomain = true;
        return Nodes(at, RuntimeDomain, op, 1, inputs, attributes)[0];
    }

    /// <summary>Adds a node with several outputs.</summary>
    /// <param name="at">The module that it belongs to, for its name.</param>
    /// <param name="domain">The operator's domain; empty for ONNX's own.</param>
    /// <param name="op">The operator.</param>
    /// <param name="outputs">The number of outputs.</param>
    /// <param name="inputs">The inputs; <see cref="Value.None"/> for those left out.</param>
    /// <param name="attributes">The attributes: whole numbers, numbers, texts, and lists of whole numbers.</param>
    public Value[] Nodes(
        string at, string domain, string op, int outputs, ReadOnlySpan<Value> inputs,
        params ReadOnlySpan<(string Name, object Value)> attributes)
    {
        Value[] fitted = Options.UsesFloat16 ? Fit(op, inputs) : inputs.ToArray();
        string name = at.Length == 0 ? op : $"{at}/{op}";
        int number = _names[name] = _names.GetValueOrDefault(name) + 1;
        name = number == 1 ? name : $"{name}_{number}";
        var node = new NodeProto { OpType = op, Name = name, Domain = domain };
        foreach (Value input in fitted)
        {
            node.Input.Add(input.Name);
        }
        foreach ((string attribute, object value) in attributes)
        {
            node.Attribute.Add(Attribute(attribute, value));
        }
        var values = new Value[outputs];
        for (int i = 0; i < outputs; i++)
        {
            values[i] = new Value(outputs == 1 ? name + ":0" : $"{name}:{i}");
            node.Output.Add(values[i].Name);
        }
        _graph.Node.Add(node);
        if (Options.UsesFloat16)
        {
            ElementType type = ResultOf(op, [.. fitted.Select(value => value.IsNone ? default : _types[value.Name])], attributes);
            foreach (Value value in values)
            {
                _types[value.Name] = type;
            }
        }
        return values;
    }

    /// <summary>Writes <c>model.onnx</c> and, beside it, the weights in <c>model.onnx_data</c>.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="progress">Called with the number of bytes of weights that were written since the last call; null for nothing.</param>
    /// <param name="cancellationToken">Stops writing.</param>
    /// <exception cref="ModelException">The graph has <see cref="Faults"/>, or the weights cannot be read.</exception>
    public void Save(string folder, Action<long>? progress, CancellationToken cancellationToken)
    {
        if (_faults.Count > 0)
        {
            throw new ModelException(FaultText(_parameters.Source, _faults));
        }
        var graph = _graph.Clone();
        graph.Initializer.Add(WeightWriter.Write(_weights, Path.Combine(folder, WeightWriter.FileName), progress, cancellationToken));
        var model = new ModelProto { IrVersion = 9, ProducerName = "brownian", Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = OperatorSet });
        if (_usesRuntimeDomain)
        {
            model.OpsetImport.Add(new OperatorSetIdProto { Domain = RuntimeDomain, Version = 1 });
        }
        string unfinished = Path.Combine(folder, FileName + ".unfinished");
        using (FileStream file = File.Create(unfinished))
        {
            model.WriteTo(file);
            file.Flush(flushToDisk: true);
        }
        File.Move(unfinished, Path.Combine(folder, FileName), overwrite: true);
    }

    /// <summary>Returns one message about the weights that a file lacks.</summary>
    internal static string FaultText(string source, IReadOnlyList<string> faults)
    {
        const int Shown = 10;
        string rest = faults.Count > Shown ? $"; and {faults.Count - Shown} more" : "";
        return $"{source} does not fit its configuration: {string.Join("; ", faults.Take(Shown))}{rest}";
    }

    private static string Text(ReadOnlySpan<int> shape) => string.Join(", ", shape.ToArray());

    private static AttributeProto Attribute(string name, object value) => value switch
    {
        int number => new AttributeProto { Name = name, Type = 2, I = number },
        float number => new AttributeProto { Name = name, Type = 1, F = number },
        string text => new AttributeProto { Name = name, Type = 3, S = ByteString.CopyFromUtf8(text) },
        int[] numbers => new AttributeProto { Name = name, Type = 7, Ints = { numbers.Select(number => (long)number) } },
        _ => throw new ArgumentException($"an attribute cannot be {value}", nameof(value)),
    };

    private static ValueInfoProto Describe(string name, ElementType type, ReadOnlySpan<Dimension> sides)
    {
        var shape = new TensorShapeProto();
        foreach (Dimension side in sides)
        {
            shape.Dim.Add(side.Size is { } size ? new DimensionProto { DimValue = size } : new DimensionProto { DimParam = side.Name });
        }
        return new ValueInfoProto
        {
            Name = name,
            Type = new TypeProto { TensorType = new TensorTypeProto { ElemType = (int)type, Shape = shape } },
        };
    }

    /// <summary>Adds a constant that is stored in the graph.</summary>
    /// <param name="type">Its element type.</param>
    /// <param name="bytes">Its elements.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="key">Equal for equal constants, which are stored once; null for one that is stored as often as it is used.</param>
    private Value Constant(ElementType type, ReadOnlySpan<byte> bytes, ReadOnlySpan<long> shape, string? key)
    {
        if (key is not null && _constants.TryGetValue(key, out Value known))
        {
            return known;
        }
        var value = new Value($"constant/{key ?? _graph.Initializer.Count.ToString(CultureInfo.InvariantCulture)}");
        _graph.Initializer.Add(new TensorProto
        {
            Name = value.Name,
            DataType = (int)type,
            Dims = { shape.ToArray() },
            RawData = ByteString.CopyFrom(bytes),
        });
        _types[value.Name] = type;
        if (type == ElementType.Float32)
        {
            _fixed[value.Name] = MemoryMarshal.Cast<byte, float>(bytes).ToArray();
        }
        if (key is not null)
        {
            _constants[key] = value;
        }
        return value;
    }
}
