using Brownian.Import.Weights;

namespace Brownian.Import.Graphs;

/// <summary>A weight that a graph uses.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Shape">Its shape in the graph, before it is encoded.</param>
/// <param name="Parameter">Where its elements are.</param>
/// <param name="Encoding">How it is stored.</param>
internal sealed record GraphWeight(string Name, IReadOnlyList<int> Shape, Parameter Parameter, WeightEncoding Encoding)
{
    /// <summary>The name of the scales of an encoded weight.</summary>
    public string ScaleName => ScaleNameOf(Name);

    /// <summary>The bytes that are written.</summary>
    public long Bytes => Encoding switch
    {
        WeightEncoding.Blocks => Rows * QuantizedWeights.BlocksOf(Columns) * (QuantizedWeights.BlockOf(Columns) + sizeof(float)),
        WeightEncoding.Columns => Parameter.Count + (Rows * sizeof(float)),
        WeightEncoding.Float16 => Parameter.Count * (sizeof(float) / 2),
        _ => Parameter.Count * sizeof(float),
    };

    /// <summary>The number of outputs.</summary>
    public long Rows => Shape[0];

    /// <summary>The number of elements of each output.</summary>
    public int Columns => checked((int)(Parameter.Count / Rows));

    /// <summary>Returns the name of the scales of a weight.</summary>
    public static string ScaleNameOf(string weight) => weight + "_scale";
}
