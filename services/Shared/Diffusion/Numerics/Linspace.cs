namespace Brownian.Diffusion.Numerics;

/// <summary>Evenly spaced numbers with the rounding of the two libraries that the reference uses.</summary>
public static class Linspace
{
    /// <summary>
    /// <c>torch.linspace(start, end, count, dtype=float32)</c> of PyTorch 2 on a CPU: each half is computed from its own end, with product and sum
    /// rounded once (<c>aten/src/ATen/native/cpu/RangeFactoriesKernel.cpp</c>).
    /// </summary>
    public static float[] Torch(float start, float end, int count)
    {
        var values = new float[count];
        if (count == 1)
        {
            values[0] = start;
            return values;
        }
        float step = (end - start) / (count - 1);
        for (int i = 0; i < count; i++)
        {
            values[i] = i < count / 2 ? MathF.FusedMultiplyAdd(step, i, start) : MathF.FusedMultiplyAdd(-step, count - 1 - i, end);
        }
        return values;
    }

    /// <summary><see cref="Torch(float, float, int)"/> in float64.</summary>
    public static double[] Torch(double start, double end, int count)
    {
        var values = new double[count];
        double step = count == 1 ? 0 : (end - start) / (count - 1);
        for (int i = 0; i < count; i++)
        {
            values[i] = i < count / 2 || count == 1 ? start + step * i : end - step * (count - i - 1);
        }
        return values;
    }

    /// <summary><c>numpy.linspace(start, stop, count)</c> in float64.</summary>
    public static double[] Numpy(double start, double stop, int count)
    {
        var values = new double[count];
        if (count == 1)
        {
            values[0] = start;
            return values;
        }
        double step = (stop - start) / (count - 1);
        for (int i = 0; i < count - 1; i++)
        {
            values[i] = i * step + start;
        }
        values[^1] = stop;
        return values;
    }
}
