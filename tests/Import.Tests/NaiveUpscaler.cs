namespace Brownian.Import.Tests;

/// <summary>
/// Upscalers computed in 64-bit floats by loops that follow the definitions of the layers, for feature maps [channel, row, column].
/// </summary>
/// <param name="made">The weights.</param>
internal sealed class NaiveUpscaler(MadeUpUpscaler made)
{
    /// <summary>Enlarges an image by an RRDB network.</summary>
    public double[,,] Rrdb(double[,,] image)
    {
        int inputs = made.Tensors["conv_first.weight"].Shape[1];
        double[,,] first = Conv("conv_first", Unshuffle(image, inputs switch { 3 => 1, 12 => 2, _ => 4 }));
        double[,,] x = first;
        for (int block = 0; made.Tensors.ContainsKey($"body.{block}.rdb1.conv1.weight"); block++)
        {
            double[,,] before = x;
            for (int dense = 1; dense <= 3; dense++)
            {
                x = Dense($"body.{block}.rdb{dense}", x);
            }
            x = Sum(before, x, 0.2);
        }
        x = Sum(first, Conv("conv_body", x), 1);
        for (int up = 1; made.Tensors.ContainsKey($"conv_up{up}.weight"); up++)
        {
            x = Leaky(Conv($"conv_up{up}", Nearest(x, 2)));
        }
        return Conv("conv_last", Leaky(Conv("conv_hr", x)));
    }

    /// <summary>Enlarges an image by a compact network.</summary>
    public double[,,] Compact(double[,,] image)
    {
        double[,,] x = Conv("body.0", image);
        int layer = 1;
        for (; made.Tensors.TryGetValue($"body.{layer}.weight", out (float[] Values, int[] Shape) slopes); layer += 2)
        {
            x = Conv($"body.{layer + 1}", Map(x, (value, channel) => value < 0 ? value * slopes.Values[channel] : value));
        }
        int scale = (int)Math.Sqrt(x.GetLength(0) / 3);
        double[,,] larger = Nearest(image, scale);
        for (int channel = 0; channel < 3; channel++)
        {
            for (int row = 0; row < larger.GetLength(1); row++)
            {
                for (int column = 0; column < larger.GetLength(2); column++)
                {
                    int from = (channel * scale * scale) + (row % scale * scale) + (column % scale);
                    larger[channel, row, column] += x[from, row / scale, column / scale];
                }
            }
        }
        return larger;
    }

    private double[,,] Dense(string name, double[,,] x)
    {
        double[,,] first = Leaky(Conv(name + ".conv1", x));
        double[,,] second = Leaky(Conv(name + ".conv2", Stack(x, first)));
        bool isPlus = made.Tensors.ContainsKey(name + ".conv1x1.weight");
        if (isPlus)
        {
            second = Sum(second, Conv(name + ".conv1x1", x), 1);
        }
        double[,,] third = Leaky(Conv(name + ".conv3", Stack(x, first, second)));
        double[,,] fourth = Leaky(Conv(name + ".conv4", Stack(x, first, second, third)));
        if (isPlus)
        {
            fourth = Sum(fourth, second, 1);
        }
        return Sum(x, Conv(name + ".conv5", Stack(x, first, second, third, fourth)), 0.2);
    }

    private double[,,] Conv(string name, double[,,] x)
    {
        (float[] weights, int[] shape) = made.Tensors[name + ".weight"];
        float[]? biases = made.Tensors.TryGetValue(name + ".bias", out (float[] Values, int[] Shape) bias) ? bias.Values : null;
        Assert.Equal(shape[1], x.GetLength(0));
        int kernel = shape[2], height = x.GetLength(1), width = x.GetLength(2);
        double[,,] result = new double[shape[0], height, width];
        return Map(result, (_, output, row, column) =>
        {
            double sum = biases?[output] ?? 0;
            for (int input = 0; input < shape[1]; input++)
            {
                for (int i = 0; i < kernel; i++)
                {
                    for (int j = 0; j < kernel; j++)
                    {
                        int y = row + i - (kernel / 2), z = column + j - (kernel / 2);
                        if (y >= 0 && y < height && z >= 0 && z < width)
                        {
                            sum += x[input, y, z] * weights[(((output * shape[1]) + input) * kernel + i) * kernel + j];
                        }
                    }
                }
            }
            return sum;
        });
    }

    private static double[,,] Leaky(double[,,] x) => Map(x, (value, _) => value < 0 ? value * 0.2 : value);

    private static double[,,] Sum(double[,,] x, double[,,] other, double factor) =>
        Map(x, (value, channel, row, column) => value + (factor * other[channel, row, column]));

    private static double[,,] Nearest(double[,,] x, int factor) => Map(
        new double[x.GetLength(0), x.GetLength(1) * factor, x.GetLength(2) * factor],
        (_, channel, row, column) => x[channel, row / factor, column / factor]);

    /// <summary>The channel of a pixel of a square is counted by its color, row and column, in this order.</summary>
    private static double[,,] Unshuffle(double[,,] x, int side) => Map(
        new double[x.GetLength(0) * side * side, x.GetLength(1) / side, x.GetLength(2) / side],
        (_, channel, row, column) => x[channel / (side * side), (row * side) + (channel / side % side), (column * side) + (channel % side)]);

    private static double[,,] Stack(params ReadOnlySpan<double[,,]> parts)
    {
        double[][,,] all = parts.ToArray();
        double[,,] result = new double[all.Sum(part => part.GetLength(0)), all[0].GetLength(1), all[0].GetLength(2)];
        return Map(result, (_, channel, row, column) =>
        {
            int part = 0;
            for (; channel >= all[part].GetLength(0); part++)
            {
                channel -= all[part].GetLength(0);
            }
            return all[part][channel, row, column];
        });
    }

    private static double[,,] Map(double[,,] x, Func<double, int, double> change) => Map(x, (value, channel, _, _) => change(value, channel));

    private static double[,,] Map(double[,,] x, Func<double, int, int, int, double> change)
    {
        double[,,] result = new double[x.GetLength(0), x.GetLength(1), x.GetLength(2)];
        for (int channel = 0; channel < x.GetLength(0); channel++)
        {
            for (int row = 0; row < x.GetLength(1); row++)
            {
                for (int column = 0; column < x.GetLength(2); column++)
                {
                    result[channel, row, column] = change(x[channel, row, column], channel, row, column);
                }
            }
        }
        return result;
    }
}
