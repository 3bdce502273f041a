using System.Runtime.InteropServices;

namespace Brownian.Inference.Tests.Adapters;

/// <summary>
/// Writes the tensors of adapters of every kind, and computes the differences that they define by loops over their indices, in double precision.
/// </summary>
/// <param name="writer">Receives the tensors.</param>
/// <param name="draw">Returns the next value of a tensor. It must be exact in the element type.</param>
/// <param name="dtype">The element type: F32, F16 or BF16.</param>
internal sealed class MadeUpAdapter(SafetensorsWriter writer, Func<float> draw, string dtype = "F32")
{
    public static string[] Kinds { get; } =
        ["lora", "locon-cp", "loha", "loha-cp", "lokr-full", "lokr-first", "lokr-second", "lokr-both", "lokr-cp", "full"];

    /// <summary>The file.</summary>
    public SafetensorsWriter Writer => writer;

    /// <summary>Writes a module.</summary>
    /// <param name="stem">The module's name with its prefix; dotted names have PEFT's names of matrices.</param>
    /// <param name="kind">One of <see cref="Kinds"/>.</param>
    /// <param name="outputs">Two factors of the module's outputs.</param>
    /// <param name="inputs">Two factors of the module's inputs.</param>
    /// <param name="kernel">The side of the kernel; 0 for a linear layer.</param>
    /// <param name="rank">The rank.</param>
    /// <param name="alpha">The alpha, or null for none.</param>
    /// <returns>The difference with the scale of alpha, [outputs, inputs, kernel * kernel].</returns>
    public double[] Write(string stem, string kind, (int, int) outputs, (int, int) inputs, int kernel, int rank, float? alpha)
    {
        (int o1, int o2) = outputs;
        (int i1, int i2) = inputs;
        int o = o1 * o2, i = i1 * i2, k = Math.Max(1, kernel * kernel);
        int[] window = kernel == 0 ? [] : [kernel, kernel], point = kernel == 0 ? [] : [1, 1];
        bool isPeft = stem.StartsWith("unet.", StringComparison.Ordinal) || stem.StartsWith("text_encoder.", StringComparison.Ordinal);
        string up = isPeft ? "lora_B.weight" : "lora_up.weight", down = isPeft ? "lora_A.weight" : "lora_down.weight";
        double scale = alpha is { } numerator && kind is not ("lokr-full" or "full") ? (double)numerator / rank : 1;
        if (alpha is { } stated)
        {
            Tensor($"{stem}.alpha", [stated]);
        }
        switch (kind)
        {
            case "lora":
                {
                    float[] a = Add(up, [o, rank, .. point]), b = Add(down, [rank, i, .. window]);
                    return Difference((x, y, z) => Sum(rank, r => (double)a[x * rank + r] * b[(r * i + y) * k + z]));
                }
            case "locon-cp":
                {
                    float[] a = Add(up, [o, rank, .. point]), b = Add(down, [rank, i, .. point]), t = Add("lora_mid.weight", Middle());
                    return Difference(
                        (x, y, z) => Sum(rank, r => Sum(rank, q => (double)a[x * rank + r] * t[(r * rank + q) * k + z] * b[q * i + y])));
                }
            case "loha":
                {
                    float[] a = Add("hada_w1_a", [o, rank]), b = Add("hada_w1_b", [rank, i * k]);
                    float[] c = Add("hada_w2_a", [o, rank]), d = Add("hada_w2_b", [rank, i * k]);
                    return Difference((x, y, z) =>
                        Sum(rank, r => (double)a[x * rank + r] * b[(r * i + y) * k + z])
                        * Sum(rank, r => (double)c[x * rank + r] * d[(r * i + y) * k + z]));
                }
            case "loha-cp":
                {
                    float[] a = Add("hada_w1_a", [rank, o]), b = Add("hada_w1_b", [rank, i]), s = Add("hada_t1", Middle());
                    float[] c = Add("hada_w2_a", [rank, o]), d = Add("hada_w2_b", [rank, i]), t = Add("hada_t2", Middle());
                    return Difference((x, y, z) => Cp(s, a, b, o, i, x, y, z) * Cp(t, c, d, o, i, x, y, z));
                }
            case "full":
                {
                    float[] a = Add("diff", [o, i, .. window]);
                    return Difference((x, y, z) => a[(x * i + y) * k + z]);
                }
            default:
                {
                    Func<int, int, double> first;
                    Func<int, int, int, double> second;
                    if (kind is "lokr-second" or "lokr-both")
                    {
                        float[] a = Add("lokr_w1_a", [o1, rank]), b = Add("lokr_w1_b", [rank, i1]);
                        first = (x, y) => Sum(rank, r => (double)a[x * rank + r] * b[r * i1 + y]);
                    }
                    else
                    {
                        float[] a = Add("lokr_w1", [o1, i1]);
                        first = (x, y) => a[x * i1 + y];
                    }
                    if (kind == "lokr-cp")
                    {
                        float[] a = Add("lokr_w2_a", [rank, o2]), b = Add("lokr_w2_b", [rank, i2]), t = Add("lokr_t2", Middle());
                        second = (x, y, z) => Cp(t, a, b, o2, i2, x, y, z);
                    }
                    else if (kind is "lokr-first" or "lokr-both")
                    {
                        float[] a = Add("lokr_w2_a", [o2, rank]), b = Add("lokr_w2_b", [rank, i2 * k]);
                        second = (x, y, z) => Sum(rank, r => (double)a[x * rank + r] * b[(r * i2 + y) * k + z]);
                    }
                    else
                    {
                        float[] a = Add("lokr_w2", [o2, i2, .. window]);
                        second = (x, y, z) => a[(x * i2 + y) * k + z];
                    }
                    return Difference((x, y, z) => first(x / o2, y / i2) * second(x % o2, y % i2, z));
                }
        }

        int[] Middle() => [rank, rank, Math.Max(1, kernel), Math.Max(1, kernel)];

        float[] Add(string role, int[] shape) => Tensor($"{stem}.{role}", Values(shape.Aggregate(1, (all, side) => all * side)), shape);

        double[] Difference(Func<int, int, int, double> value) =>
            [.. Enumerable.Range(0, o * i * k).Select(at => scale * value(at / (i * k), at / k % i, at % k))];

        double Cp(float[] t, float[] a, float[] b, int rows, int columns, int x, int y, int z) =>
            Sum(rank, p => Sum(rank, q => (double)t[(p * rank + q) * k + z] * a[p * rows + x] * b[q * columns + y]));
    }

    /// <summary>Draws values.</summary>
    public float[] Values(int count)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = draw();
        }
        return values;
    }

    /// <summary>Writes a tensor of the element type, and returns its values.</summary>
    public float[] Tensor(string name, float[] values, params int[] shape)
    {
        byte[] bytes = dtype switch
        {
            "F32" => MemoryMarshal.AsBytes(values.AsSpan()).ToArray(),
            "F16" => MemoryMarshal.AsBytes(Array.ConvertAll(values, value => (Half)value).AsSpan()).ToArray(),
            "BF16" => MemoryMarshal.AsBytes(
                Array.ConvertAll(values, value => (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16)).AsSpan()).ToArray(),
            _ => throw new ArgumentOutOfRangeException(nameof(values), dtype, null),
        };
        writer.Tensor(name, dtype, bytes, shape);
        return values;
    }

    private static double Sum(int count, Func<int, double> term) => Enumerable.Range(0, count).Sum(term);
}
