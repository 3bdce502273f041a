using Brownian.Diffusion.Numerics;

namespace Brownian.Diffusion.Tests.Numerics;

public sealed class BetaDistributionTests
{
    /// <summary>Values of <c>scipy.stats.beta.ppf</c>.</summary>
    [Theory]
    [InlineData(0.01, 0.6, 0.6, 0.0008612388215429059)]
    [InlineData(0.1, 0.6, 0.6, 0.03958440558878085)]
    [InlineData(0.3, 0.6, 0.6, 0.23401700387523572)]
    [InlineData(0.5, 0.6, 0.6, 0.5000000000000001)]
    [InlineData(0.77, 0.6, 0.6, 0.8461624142323502)]
    [InlineData(0.999, 0.6, 0.6, 0.9999814412614826)]
    [InlineData(0.01, 2.5, 0.7, 0.19597479033740997)]
    [InlineData(0.95, 2.5, 0.7, 0.994856998492074)]
    public void Quantiles_of_the_beta_distribution_equal_scipys(double p, double a, double b, double expected) =>
        Assert.Equal(expected, BetaDistribution.Quantile(p, a, b), 1e-13);

    [Fact]
    public void The_quantiles_of_0_and_1_are_0_and_1()
    {
        Assert.Equal(0, BetaDistribution.Quantile(0, 0.6, 0.6));
        Assert.Equal(1, BetaDistribution.Quantile(1, 0.6, 0.6));
    }
}
