using Brownian.Diffusion.Guidance;
using CsCheck;

namespace Brownian.Diffusion.Tests.Guidance;

public sealed class ImageGuidanceTests
{
    [Fact]
    public void Image_guidance_equals_the_calculated_numbers()
    {
        float[] result = new float[2];
        ImageGuidance.Combine([1, 4], [0.5f, 2], [0.25f, -1], 7.5f, 1.5f, result);
        // 0.25 + 7.5 * 0.5 + 1.5 * 0.25; -1 + 7.5 * 2 + 1.5 * 3
        Assert.Equal([4.375f, 18.5f], result);
    }

    [Fact]
    public void Image_guidance_with_scales_of_one_gives_the_prediction_with_both() =>
        Gen.Select(Gen.Float[-5, 5].Array[6], Gen.Float[-5, 5].Array[6], Gen.Float[-5, 5].Array[6]).Sample((both, image, none) =>
    {
        float[] result = [.. none];
        ImageGuidance.Combine(both, image, result, 1, 1, result);
        Assert.Equal(both, result, (one, other) => Math.Abs(one - other) <= 1e-5f);
    });
}
