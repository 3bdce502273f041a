using Brownian.Diffusion.Guidance;
using CsCheck;

namespace Brownian.Diffusion.Tests.Guidance;

public sealed class ClassifierFreeGuidanceTests
{
    private static readonly Gen<(float[] Unconditional, float[] Conditional)> Outputs =
        from length in Gen.Int[2, 70]
        from unconditional in Gen.Float[-4, 4].Array[length]
        from conditional in Gen.Float[-4, 4].Array[length]
        select (unconditional, conditional);

    [Fact]
    public void A_fitted_output_leaves_a_rest_orthogonal_to_it() => Outputs.Sample(outputs =>
    {
        float[] fitted = [.. outputs.Unconditional];

        ClassifierFreeGuidance.Fit(fitted, outputs.Conditional);

        // The closest multiple of u is the one for which the rest of c is orthogonal to u.
        double rest = 0, rounding = 0, square = 1e-8;
        foreach ((float c, float u, float f) in outputs.Conditional.Zip(outputs.Unconditional, fitted))
        {
            rest += ((double)c - f) * u;
            rounding += (Math.Abs(c) + Math.Abs(f)) * (double)Math.Abs(u);
            square += (double)u * u;
        }
        // The tolerance includes the 1e-8 that avoids a division by zero for an output of zeros.
        Assert.True(Math.Abs(rest) <= (1e-6 + 1e-8 / square) * rounding + float.Epsilon * 1e6, $"{rest}, {rounding}, {square}");
    });

    [Fact]
    public void A_fitted_multiple_of_the_output_equals_the_output()
    {
        float[] conditional = [1, -2, 3, 0.5f], fitted = [.. conditional.Select(value => value * -0.25f)];

        ClassifierFreeGuidance.Fit(fitted, conditional);

        Assert.Equal(conditional, fitted, (one, other) => Math.Abs(one - other) <= 1e-6f);
    }

    [Fact]
    public void A_fitted_output_of_zeros_stays_zero()
    {
        float[] fitted = new float[3];

        ClassifierFreeGuidance.Fit(fitted, [1, 2, 3]);

        Assert.Equal([0, 0, 0], fitted);
    }

    [Fact]
    public void A_scale_of_one_gives_the_conditional_output_and_of_zero_the_unconditional() => Outputs.Sample(outputs =>
    {
        var guided = new float[outputs.Conditional.Length];
        ClassifierFreeGuidance.Combine(outputs.Unconditional, outputs.Conditional, 0, guided);
        Assert.Equal(outputs.Unconditional, guided);
        ClassifierFreeGuidance.Combine(outputs.Unconditional, outputs.Conditional, 1, guided);
        Assert.Equal(outputs.Conditional, guided, (one, other) => Math.Abs(one - other) <= 2e-6f);
    });

    [Fact]
    public void A_scale_above_one_extrapolates_every_element() => Outputs.Sample(outputs =>
    {
        var guided = new float[outputs.Conditional.Length];
        ClassifierFreeGuidance.Combine(outputs.Unconditional, outputs.Conditional, 7.5f, guided);
        for (int i = 0; i < guided.Length; i++)
        {
            Assert.Equal(outputs.Unconditional[i] + 7.5f * (outputs.Conditional[i] - outputs.Unconditional[i]), guided[i]);
        }
    });

    [Fact]
    public void A_rescale_of_one_gives_the_spread_of_the_conditional_output() =>
        Outputs.Where(outputs => Spread(outputs.Conditional) > 0.1 && Spread(Widened(outputs.Conditional)) > 0.1).Sample(outputs =>
    {
        float[] guided = Widened(outputs.Conditional);
        ClassifierFreeGuidance.Rescale(guided, outputs.Conditional, 1);
        Assert.Equal(Spread(outputs.Conditional), Spread(guided), 1e-4);
    });

    [Fact]
    public void A_rescale_of_zero_changes_nothing() => Outputs.Where(outputs => Spread(outputs.Unconditional) > 0.1).Sample(outputs =>
    {
        float[] guided = [.. outputs.Unconditional];
        ClassifierFreeGuidance.Rescale(guided, outputs.Conditional, 0);
        Assert.Equal(outputs.Unconditional, guided);
    });

    private static float[] Widened(float[] values) => [.. values.Select((value, i) => 3 * value + i % 5)];

    private static double Spread(float[] values)
    {
        double mean = values.Average(value => (double)value);
        return Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Length - 1));
    }
}
