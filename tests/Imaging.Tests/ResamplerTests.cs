using Brownian.Formats.Images;
using Brownian.Imaging.Preparation;
using CsCheck;

namespace Brownian.Imaging.Tests;

public sealed class ResamplerTests
{
    private static readonly Gen<ResampleFilter> Filters = Gen.Enum<ResampleFilter>();
    private static readonly Gen<int> Sides = Gen.OneOf(Gen.Const(1), Gen.Int[1, 12], Gen.Int[1, 90]);

    [Fact]
    public void A_plain_image_keeps_its_level_at_every_size() =>
        Gen.Select(Sides, Sides, Sides, Sides, Filters, Gen.Byte, Gen.OneOf(Gen.Const(1), Gen.Const(3))).Sample(
            (oldWidth, oldHeight, width, height, filter, level, channels) =>
            {
                var plain = new Raster(oldWidth, oldHeight, channels, [.. Enumerable.Repeat(level, oldWidth * oldHeight * channels)]);
                Raster resized = Resampler.Resize(plain, width, height, filter);
                Assert.Equal((width, height, channels), (resized.Width, resized.Height, resized.Channels));
                Assert.All(resized.Pixels, pixel => Assert.Equal(level, pixel));
            },
            iter: 500);

    [Fact]
    public void Every_channel_is_resized_independently() =>
        Gen.Select(Sides, Sides, Sides, Sides, Filters).SelectMany(sizes => Gen.Byte.Array[3 * sizes.Item1 * sizes.Item2].Select(rgb => (sizes, rgb)))
            .Sample(
            made =>
            {
                ((int oldWidth, int oldHeight, int width, int height, ResampleFilter filter), byte[] rgb) = made;
                var image = new PixelImage(oldWidth, oldHeight, rgb);
                byte[] resized = Resampler.Resize(image, width, height, filter).Pixels;
                byte[] opaque = Resampler.Resize(image.ToRgba(), width, height, filter).Pixels;
                for (int channel = 0; channel < 3; channel++)
                {
                    var alone = new Raster(oldWidth, oldHeight, 1, [.. rgb.Where((_, i) => i % 3 == channel)]);
                    byte[] expected = Resampler.Resize(alone, width, height, filter).Pixels;
                    Assert.Equal(expected, resized.Where((_, i) => i % 3 == channel));
                    Assert.Equal(expected, opaque.Where((_, i) => i % 4 == channel));
                }
            },
            iter: 300);

    [Fact]
    public void Pixels_resized_to_twice_and_half_the_size_have_the_calculated_levels()
    {
        var two = new Raster(2, 1, 1, [10, 21]);
        Assert.Equal<byte>([10, 10, 21, 21], Resampler.Resize(two, 4, 1, ResampleFilter.Nearest).Pixels);
        Assert.Equal<byte>([10, 10, 21, 21], Resampler.Resize(two, 4, 1, ResampleFilter.Box).Pixels);
        // 15.5 is rounded up.
        Assert.Equal<byte>([16], Resampler.Resize(two, 1, 1, ResampleFilter.Box).Pixels);
        // A quarter of the other pixel: 12.75 and 18.25.
        Assert.Equal<byte>([10, 13, 18, 21], Resampler.Resize(two, 4, 1, ResampleFilter.Bilinear).Pixels);
    }

    [Fact]
    public void The_colour_of_transparent_pixels_does_not_affect_their_neighbours()
    {
        var image = new Raster(2, 1, 4, [200, 100, 50, 255, 0, 255, 0, 0]);
        // Half of each pixel, and truncated after the division by the half alpha: 255 x 100 / 128.
        Assert.Equal<byte>([199, 99, 49, 128], Resampler.Resize(image, 1, 1, ResampleFilter.Box).Pixels);
    }

    [Fact]
    public void A_side_below_1_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>("width", () => Resampler.Resize(new Raster(1, 1, 1, [0]), 0, 1, ResampleFilter.Box));
        Assert.Throws<ArgumentOutOfRangeException>("height", () => Resampler.Resize(new Raster(1, 1, 1, [0]), 1, -1, ResampleFilter.Box));
    }

    [Fact]
    public void A_blur_treats_every_channel_independently_and_keeps_plain_images() =>
        Gen.Select(Sides, Sides, Gen.OneOf(Gen.Float[0, 12], Gen.Float[0, 200]))
            .SelectMany(kind => Gen.Byte.Array[3 * kind.Item1 * kind.Item2].Select(rgb => (kind, rgb))).Sample(
            made =>
            {
                ((int width, int height, float radius), byte[] rgb) = made;
                byte[] blurred = GaussianBlur.Apply(new PixelImage(width, height, rgb), radius).Pixels;
                for (int channel = 0; channel < 3; channel++)
                {
                    byte[] alone = [.. rgb.Where((_, i) => i % 3 == channel)];
                    Assert.Equal(GaussianBlur.Apply(new Raster(width, height, 1, alone), radius).Pixels, blurred.Where((_, i) => i % 3 == channel));
                    Assert.InRange(blurred.Where((_, i) => i % 3 == channel).Min(), alone.Min(), alone.Max());
                }
                byte[] plain = [.. Enumerable.Repeat(rgb[0], width * height)];
                Assert.Equal(plain, GaussianBlur.Apply(new Raster(width, height, 1, plain), radius).Pixels);
            },
            iter: 200);

    [Theory]
    [InlineData(-1)]
    [InlineData(8193)]
    [InlineData(float.NaN)]
    public void A_blur_with_an_invalid_radius_is_refused(float radius) =>
        Assert.Throws<ArgumentOutOfRangeException>(nameof(radius), () => GaussianBlur.Apply(new Raster(1, 1, 1, [0]), radius));
}
