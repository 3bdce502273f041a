using Brownian.Diffusion.Noise;
using CsCheck;

namespace Brownian.Diffusion.Tests.Noise;

public sealed class NoiseMixTests
{
    private static readonly Gen<float> Number = Gen.Float[-3, 3].Where(number => MathF.Abs(number) > 1e-3f);

    [Fact]
    public void Mixing_with_a_share_of_zero_or_one_gives_one_of_the_noises() => Gen.Select(Number.Array[24], Number.Array[24]).Sample((one, other) =>
    {
        Assert.Equal(one, Mix(one, other, 0), (one, other) => Math.Abs(one - other) <= 1e-5f);
        Assert.Equal(other, Mix(one, other, 1), (one, other) => Math.Abs(one - other) <= 1e-5f);
    });

    [Fact]
    public void Columns_of_one_length_keep_it_when_mixed() =>
        Gen.Select(Number.Array[24], Number.Array[24], Gen.Double[0, 1]).Sample((one, other, share) =>
    {
        float[] first = [.. one], second = [.. other];
        for (int column = 0; column < 8; column++)
        {
            Normalize(first, column);
            Normalize(second, column);
        }
        float[] mixed = Mix(first, second, share);
        // Opposite columns have no arc between them: they are mixed along the chord.
        Assert.All(
            Enumerable.Range(0, 8).Where(column => Cosine(first, second, column) > -0.999999),
            column => Assert.Equal(1, Length(mixed, column), 1e-3));
    });

    [Fact]
    public void Orthogonal_and_equal_columns_are_mixed_to_the_calculated_values()
    {
        float[] one = [1, 0, 0, 1, 0, 0], other = [0, 0, 0, 0, 1, 1];
        float[] middle = [.. one];
        NoiseMix.Slerp(middle, other, 0.5, 3, 2);
        float half = MathF.Sqrt(0.5f);
        Assert.Equal(
            [half, 0, 0, half, half, half],
            middle.Select(value => MathF.Round(value, 6)).Zip([half, 0, 0, half, half, half], (a, b) => MathF.Abs(a - b) < 1e-5 ? b : a));
    }

    [Fact]
    public void Noises_of_other_sizes_are_refused() => Assert.Throws<ArgumentException>(() => NoiseMix.Slerp(new float[6], new float[6], 0.5, 4, 2));

    private static float[] Mix(float[] one, float[] other, double share)
    {
        float[] mixed = [.. one];
        NoiseMix.Slerp(mixed, other, share, 3, 4);
        return mixed;
    }

    private static double Length(float[] values, int column) =>
        Math.Sqrt(Enumerable.Range(0, 3).Sum(y => Math.Pow(values[column / 4 * 12 + y * 4 + column % 4], 2)));

    private static double Cosine(float[] first, float[] second, int column) => Enumerable.Range(0, 3).Sum(y =>
    {
        int i = column / 4 * 12 + y * 4 + column % 4;
        return (double)first[i] * second[i];
    });

    private static void Normalize(float[] values, int column)
    {
        float length = (float)Length(values, column);
        for (int y = 0; y < 3; y++)
        {
            values[column / 4 * 12 + y * 4 + column % 4] /= length;
        }
    }
}
