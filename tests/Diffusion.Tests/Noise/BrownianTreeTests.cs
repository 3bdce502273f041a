using Brownian.Diffusion.Noise;

namespace Brownian.Diffusion.Tests.Noise;

public sealed class BrownianTreeTests
{
    [Fact]
    public void Increments_of_parts_add_up_in_any_order_of_calls()
    {
        const int Length = 64;
        float[] whole = new float[Length], low = new float[Length], high = new float[Length], again = new float[Length];
        var tree = new BrownianTree(3, 0.03, 14.6, Length);
        tree.Increment(0.5, 7.25, whole);
        tree.Increment(2.125, 7.25, high);
        tree.Increment(0.5, 2.125, low);
        new BrownianTree(3, 0.03, 14.6, Length).Increment(2.125, 7.25, again);
        Assert.Equal(high, again);
        for (int i = 0; i < Length; i++)
        {
            Assert.Equal(whole[i], low[i] + high[i], 1e-5);
        }
    }

    [Fact]
    public void Increments_have_the_variance_of_their_distance()
    {
        var increment = new float[100_000];
        new BrownianTree(1, 0.03, 14.6, increment.Length).Increment(1, 5, increment);
        Assert.Equal(4, increment.Average(value => (double)value * value), 0.1);
    }

    /// <summary>
    /// Squared-cosine schedules reach sigmas of 20000, whose trees are deeper than 32 levels. The values are those of torchsde's BrownianInterval.
    /// </summary>
    [Fact]
    public void Increments_of_wide_intervals_equal_the_reference()
    {
        var increment = new float[16];
        new BrownianTree(3, 0.03, 20000.5, increment.Length).Increment(17000.25, 19999.123456, increment);
        Assert.Equal([-6.06693363f, -94.3051758f, -44.8515511f, 24.0083828f], increment[..4]);
    }

    /// <summary>Python 3: round(x, 6).</summary>
    [Theory]
    [InlineData(2.5e-6, 3e-6)]
    [InlineData(1.5e-6, 2e-6)]
    [InlineData(7.3219065, 7.321906)]
    [InlineData(0.0145835, 0.014583)]
    [InlineData(3.6609535, 3.660954)]
    [InlineData(0.5, 0.5)]
    public void Points_are_rounded_by_their_exact_value(double value, double expected) => Assert.Equal(expected, BrownianTree.Round(value));
}
