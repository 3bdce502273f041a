using Brownian.Formats.Images;
using Brownian.Formats.Tensors;
using Brownian.Imaging.Preparation;
using CsCheck;

namespace Brownian.Imaging.Tests;

public sealed class VaePreparationTests
{
    [Theory]
    [InlineData(17, 30, 16, 24)]
    [InlineData(8, 8, 8, 8)]
    public void Sides_of_a_prepared_image_are_rounded_down_to_the_multiple(int width, int height, int preparedWidth, int preparedHeight)
    {
        Assert.Equal([1, 3, preparedHeight, preparedWidth], new VaePreparation().Prepare(Plain(width, height, 90)).Shape);
        Assert.Equal([1, 1, preparedHeight, preparedWidth], new VaePreparation().PrepareMask(Plain(width, height, 90)).Shape);
    }

    [Fact]
    public void Levels_are_scaled_to_the_range_of_the_vae_and_masks_to_0_and_1()
    {
        Raster image = new(8, 8, 4, [.. Enumerable.Range(0, 64).SelectMany(_ => (byte[])[0, 51, 255, 0])]);
        Tensor stretched = new VaePreparation().Prepare(image), whole = new VaePreparation().Prepare(image, normalize: false);
        Assert.Equal([-1f, 2 * (51 / 255f) - 1, 1f], [stretched.Values[0], stretched.Values[64], stretched.Values[128]]);
        Assert.Equal([0f, 51 / 255f, 1f], [whole.Values[0], whole.Values[64], whole.Values[128]]);
        Assert.Equal(
            [0f, 1f], [new VaePreparation().PrepareMask(Plain(8, 8, 127)).Values[0], new VaePreparation().PrepareMask(Plain(8, 8, 128)).Values[0]]);
    }

    [Fact]
    public void A_control_image_loses_its_alpha_after_it_was_resized()
    {
        // The left half is green, the right half red and wholly transparent.
        var pixels = new byte[16 * 16 * 4];
        for (int i = 0; i < pixels.Length; i += 4)
        {
            (pixels[i], pixels[i + 1], pixels[i + 3]) = i / 4 % 16 < 8 ? ((byte)0, (byte)255, (byte)255) : ((byte)255, (byte)0, (byte)0);
        }
        var image = new Raster(16, 16, 4, pixels);

        float[] resized = new VaePreparation(1).Prepare(image, 8, 8, normalize: false, resizesAlpha: true).Values;
        float[] before = new VaePreparation(1).Prepare(image, 8, 8, normalize: false).Values;
        float[] own = new VaePreparation(1).Prepare(image, 16, 16, normalize: false, resizesAlpha: true).Values;

        // Hidden colours have no effect: no pixel is red at all, and opaque pixels stay green.
        Assert.All(resized.Take(64), red => Assert.Equal(0, red));
        Assert.Equal(1, resized[64]);
        Assert.Equal(0, resized[64 + 7]);
        Assert.Equal(1, before[7]);
        // An image of the right size is not resized: Pillow returns it unchanged, so that hidden colours show.
        Assert.Equal(1, own[15]);
    }

    [Fact]
    public void An_image_too_small_or_too_narrow_is_refused_with_its_size()
    {
        Assert.Equal(
            "is 7x80 pixels; allowed: at least 8 on each side",
            Assert.Throws<InvalidDataException>(() => new VaePreparation().Prepare(Plain(7, 80, 0))).Message);
        Assert.Equal(
            "is 1000x1 pixels, too narrow to fit in 512x512",
            Assert.Throws<InvalidDataException>(() => new VaePreparation().Resize(Plain(1000, 1, 0), 512, 512, ResizeMode.Fill)).Message);
        Assert.Equal(
            "is 60000x1 pixels, too narrow to cover 8192x8192",
            Assert.Throws<InvalidDataException>(() => new VaePreparation().Resize(Plain(60000, 1, 0), 8192, 8192, ResizeMode.Crop)).Message);
    }

    [Fact]
    public void Every_resize_mode_gives_the_requested_size() =>
        Gen.Select(Gen.Int[1, 40], Gen.Int[1, 40], Gen.Int[1, 60], Gen.Int[1, 60], Gen.Enum<ResizeMode>(), Gen.Enum<ResampleFilter>()).Sample(
            (oldWidth, oldHeight, width, height, mode, filter) =>
            {
                try
                {
                    Raster resized = new VaePreparation(8, filter).Resize(Plain(oldWidth, oldHeight, 200), width, height, mode);
                    Assert.Equal((width, height), (resized.Width, resized.Height));
                    // If a margin is odd, filling leaves a black line, like the reference.
                    Assert.All(resized.Pixels, level => Assert.True(level == 200 || (level == 0 && mode == ResizeMode.Fill)));
                }
                catch (InvalidDataException)
                {
                    Assert.True((long)oldWidth * height < oldHeight || (long)oldHeight * width < oldWidth);
                }
            },
            iter: 500);

    [Fact]
    public void A_crop_is_applied_before_any_other_preparation()
    {
        var image = new Raster(4, 2, 1, [1, 2, 3, 4, 5, 6, 7, 8]);
        Assert.Equal<byte>([2, 3, 6, 7], image.Crop(1, 0, 2, 2).Pixels);
        Assert.Equal<byte>([0, 0, 0, 0, 1, 2], image.Crop(-1, -1, 3, 2).Pixels);
        Tensor part = new VaePreparation(1).Prepare(image, 2, 2, crop: new CropRegion(1, 0, 3, 2), normalize: false);
        Assert.Equal([2 / 255f, 3 / 255f, 6 / 255f, 7 / 255f], part.Values[..4]);
    }

    [Theory]
    // 10x4 pixels are marked; to be square the crop grows by 6 rows, 3 on each side, and moves inside if there is no room.
    [InlineData(20, 8, 30, 12, 64, 64, 0, 20, 5, 30, 15)]
    [InlineData(20, 0, 30, 4, 64, 64, 0, 20, 0, 30, 10)]
    [InlineData(20, 36, 30, 40, 64, 64, 0, 20, 30, 30, 40)]
    [InlineData(20, 8, 30, 12, 64, 64, 2, 18, 3, 32, 17)]
    // Proportions of 1:8 need 80 rows; there are 40.
    [InlineData(20, 8, 30, 12, 8, 64, 0, 20, 0, 30, 40)]
    public void The_crop_around_a_mask_has_the_requested_proportions(
        int left, int top, int right, int bottom, int width, int height, int padding, int cropLeft, int cropTop, int cropRight, int cropBottom)
    {
        var mask = new Raster(60, 40, 1, new byte[2400]);
        for (int y = top; y < bottom; y++)
        {
            mask.Row(y)[left..right].Fill(1);
        }
        Assert.Equal(new CropRegion(cropLeft, cropTop, cropRight, cropBottom), CropRegion.Around(mask, width, height, padding));
    }

    [Fact]
    public void The_crop_around_a_mask_is_inside_it_and_contains_all_marked_pixels() =>
        Gen.Select(Gen.Int[1, 30], Gen.Int[1, 30], Gen.Int[1, 99], Gen.Int[1, 99], Gen.Int[0, 50], Gen.Int[0, 899], Gen.Int[0, 899]).Sample(
            (maskWidth, maskHeight, width, height, padding, one, other) =>
            {
                var mask = new Raster(maskWidth, maskHeight, 1, new byte[maskWidth * maskHeight]);
                mask.Pixels[one % mask.Pixels.Length] = mask.Pixels[other % mask.Pixels.Length] = 255;
                CropRegion region = CropRegion.Around(mask, width, height, padding);
                Assert.True(region is { Left: >= 0, Top: >= 0, Width: > 0, Height: > 0 } && region.Right <= maskWidth && region.Bottom <= maskHeight);
                Assert.Equal(
                    mask.Pixels.Count(level => level > 0),
                    mask.Crop(region.Left, region.Top, region.Width, region.Height).Pixels.Count(level => level > 0));
            },
            iter: 1000);

    [Fact]
    public void A_mask_that_marks_nothing_is_refused() =>
        Assert.Equal(
            "is a mask that marks nothing: every pixel is black",
            Assert.Throws<InvalidDataException>(() => CropRegion.Around(Plain(4, 4, 0), 8, 8, 32)).Message);

    [Fact]
    public void A_mask_overlay_keeps_the_first_image_at_black_and_the_generated_one_at_white() =>
        Gen.Select(Gen.Byte.Array[3], Gen.Byte.Array[3], Gen.Byte).Sample((first, generated, level) =>
        {
            PixelImage mixed = MaskOverlay.Apply(new Raster(1, 1, 1, [level]), new PixelImage(1, 1, first), new PixelImage(1, 1, generated), null);
            for (int channel = 0; channel < 3; channel++)
            {
                Assert.InRange(
                    mixed.Rgb[channel], Math.Min(first[channel], generated[channel]) - (level is 0 or 255 ? 0 : 2),
                    Math.Max(first[channel], generated[channel]) + (level is 0 or 255 ? 0 : 2));
            }
            Assert.Equal(level == 0 ? first : level == 255 ? generated : mixed.Rgb, mixed.Rgb);
        });

    [Fact]
    public void A_mask_overlay_of_images_of_other_sizes_is_refused()
    {
        Assert.Throws<ArgumentException>("mask", () => MaskOverlay.Apply(Plain(3, 2, 0), Plain(2, 2, 0), Plain(2, 2, 0), null));
        Assert.Throws<ArgumentException>("generated", () => MaskOverlay.Apply(Plain(2, 2, 0), Plain(2, 2, 0), Plain(2, 3, 0), null));
    }

    [Fact]
    public void The_preparation_for_CLIP_uses_the_middle_square()
    {
        var clip = new ClipPreparation(2, 2, [0, 0, 0], [1, 1, 1]);
        Raster image = new(4, 2, 1, [1, 2, 3, 4, 5, 6, 7, 8]);
        Assert.Equal([2 / 255f, 3 / 255f, 6 / 255f, 7 / 255f], clip.Prepare(image).Values[..4]);
        Assert.Equal([1, 3, 224, 224], ClipPreparation.OpenAi.Prepare(image).Shape);
        Assert.Throws<ArgumentException>(() => (clip with { Crop = 3 }).Prepare(image));
        Assert.Throws<ArgumentException>(() => (clip with { Deviation = [1, 0, 1] }).Prepare(image));
        Assert.Throws<InvalidDataException>(() => ClipPreparation.OpenAi.Prepare(Plain(60_000, 1, 0)));
    }

    private static Raster Plain(int width, int height, byte level) => new(width, height, 1, [.. Enumerable.Repeat(level, width * height)]);
}
