using System.Runtime.InteropServices;

namespace Brownian.Import.Graphs;

/// <content>
/// The element types of values in graphs that compute in float16. Products of matrices, convolutions and attention take and give float16. Other
/// operators work in the widest type of their inputs, where weights and constants take the type of the others, and keep their own where there are
/// none. So what comes as float32, as inputs of the graph do, and sums that begin with <see cref="Widen"/>, keeps its range until a product takes it.
/// </content>
public sealed partial class GraphBuilder
{
    private static readonly HashSet<string> Products = ["Conv", "FusedMatMul", "Gemm", "MatMul", "MultiHeadAttention"];

    private readonly Dictionary<string, ElementType> _types = new(StringComparer.Ordinal);

    /// <summary>Weights and constants: what they are as float32 and as float16.</summary>
    private readonly Dictionary<string, float[]?> _fixed = new(StringComparer.Ordinal);

    private readonly Dictionary<(string Name, ElementType Type), Value> _converted = [];
    private bool _isWide;

    /// <summary>Returns a value as float32, which has the range of sums over many layers; the value itself where graphs compute in float32.</summary>
    public Value Widen(Value x) => Options.UsesFloat16 ? As(x, ElementType.Float32) : x;

    /// <summary>Returns a value in the type of products, where its range is known; the value itself where graphs compute in float32.</summary>
    public Value Narrow(Value x) => Options.UsesFloat16 ? As(x, ElementType.Float16) : x;

    private static bool IsFloat(ElementType type) => type is ElementType.Float32 or ElementType.Float16;

    private static ElementType ResultOf(string op, ReadOnlySpan<ElementType> inputs, ReadOnlySpan<(string Name, object Value)> attributes)
    {
        switch (op)
        {
            case "Shape" or "ArgMax":
                return ElementType.Int64;
            case "Equal" or "Not":
                return ElementType.Bool;
            case "Cast":
                foreach ((string name, object value) in attributes)
                {
                    if (name == "to")
                    {
                        return (ElementType)(int)value;
                    }
                }
                break;
        }
        return inputs[0];
    }

    /// <summary>Returns the inputs of an operator in the types that it takes together.</summary>
    private Value[] Fit(string op, ReadOnlySpan<Value> inputs)
    {
        Value[] fitted = inputs.ToArray();
        // The factors of a new size stay float32 whatever is resized.
        int count = op switch { "Cast" => 0, "Resize" => 1, _ => fitted.Length };
        Value[] floats = [.. fitted.Take(count).Where(value => !value.IsNone && IsFloat(_types[value.Name]))];
        ElementType[] computed = [.. floats.Where(value => !_fixed.ContainsKey(value.Name)).Select(value => _types[value.Name])];
        bool isProduct = Products.Contains(op) && !_isWide;
        if (!isProduct && computed.Length == 0 && floats.Select(value => _types[value.Name]).Distinct().Count() < 2)
        {
            return fitted;
        }
        bool isWide = _isWide || (!isProduct && computed.Contains(ElementType.Float32));
        for (int i = 0; i < count; i++)
        {
            if (!fitted[i].IsNone && IsFloat(_types[fitted[i].Name]))
            {
                fitted[i] = As(fitted[i], isWide ? ElementType.Float32 : ElementType.Float16);
            }
        }
        return fitted;
    }

    private Value As(Value x, ElementType type)
    {
        if (_types[x.Name] == type)
        {
            return x;
        }
        if (_converted.TryGetValue((x.Name, type), out Value known))
        {
            return known;
        }
        Value converted = _fixed.GetValueOrDefault(x.Name) is { } numbers ? Narrowed(x, numbers) : Cast(x.Name, x, type);
        _converted[(x.Name, type)] = converted;
        return converted;
    }

    private Value Narrowed(Value constant, float[] numbers)
    {
        Half[] halves = [.. numbers.Select(number => (Half)number)];
        if (Array.Exists(halves, Half.IsInfinity))
        {
            throw new InvalidOperationException($"{constant.Name} does not fit float16");
        }
        long[] shape = [.. _graph.Initializer.Single(initializer => initializer.Name == constant.Name).Dims];
        return Constant(ElementType.Float16, MemoryMarshal.AsBytes(halves.AsSpan()), shape, constant.Name["constant/".Length..] + "_float16");
    }
}
