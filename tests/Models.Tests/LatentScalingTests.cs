using Brownian.Models.Facts;
using CsCheck;

namespace Brownian.Models.Tests;

public sealed class LatentScalingTests
{
    [Fact]
    public void Scaling_equals_the_calculated_numbers()
    {
        float[] latents = [1, 2, 3, 4];
        new LatentScaling { Factor = 0.5, Shift = 1 }.Scale(latents);
        Assert.Equal([0, 0.5f, 1, 1.5f], latents);
        new LatentScaling { Factor = 2, Mean = [1, -1], Std = [0.5, 4] }.Scale(latents);
        Assert.Equal([-4, -2, 1, 1.25f], latents);
    }

    [Fact]
    public void Scaled_latents_are_restored_by_unscaling() =>
        Gen.Select(Gen.Float[-4, 4].Array[8], Gen.Double[0.05, 2], Gen.Double[-1, 1], Gen.Bool).Sample((latents, factor, shift, perChannel) =>
        {
            LatentScaling scaling = perChannel
                ? new LatentScaling { Factor = factor, Mean = [shift, -shift], Std = [1.5, 0.5] }
                : new LatentScaling { Factor = factor, Shift = shift };
            float[] scaled = [.. latents], back = new float[8];
            scaling.Scale(scaled);
            scaling.Unscale(scaled, back);
            Assert.Equal(latents, back, (one, other) => Math.Abs(one - other) <= 1e-4f);
        });
}
