using Brownian.Jobs.Costs;

namespace Brownian.Jobs.Tests.Costs;

/// <summary>Medians of measured times, and what is expected of shapes that were not measured.</summary>
public sealed class StageCostsTests
{
    private static readonly StageShape Shape = new("denoise", "sd15", "f", 4096, 2);

    [Theory]
    [InlineData(2, new double[] { 9, 1, 2 })]
    [InlineData(2.5, new double[] { 4, 1, 2, 3 })]
    [InlineData(7, new double[] { 7 })]
    public void The_median_of_an_even_number_is_the_mean_of_the_middle_two(double expected, double[] values) =>
        Assert.Equal(expected, StageCosts.Median(values));

    [Fact]
    public void An_unmeasured_size_is_expected_in_proportion_to_the_nearest_one()
    {
        var costs = new StageCosts([new CostSample(Shape, "cuda", 0.05), new CostSample(Shape with { Pixels = 16384 }, "cuda", 0.3)]);
        Assert.Equal(0.05, costs.Expect(Shape, "cuda"));
        Assert.Equal(0.075, costs.Expect(Shape with { Pixels = 6144 }, "cuda"), 1e-12);
        Assert.Equal(0.24, costs.Expect(Shape with { Pixels = 13107 }, "cuda"), 1e-4);
        Assert.Equal(0.025, costs.Expect(Shape with { Batch = 1 }, "cuda"), 1e-12);
    }

    [Fact]
    public void Without_a_measurement_of_the_model_on_the_device_the_prior_is_expected_and_nothing_is_found()
    {
        var costs = new StageCosts([new CostSample(Shape, "cuda", 1)]);
        foreach ((StageShape shape, string provider) in new[]
        {
            (Shape, "cpu"), (Shape with { Model = "other" }, "cuda"), (Shape with { Fingerprint = "g" }, "cuda"),
            (Shape with { Kind = "vae-decode" }, "cuda"),
        })
        {
            Assert.Null(costs.Find(shape, provider));
            Assert.Equal(StageCosts.Prior, costs.Expect(shape, provider));
        }
    }
}
