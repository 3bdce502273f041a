using Brownian.Formats.Images;
using CsCheck;

namespace Brownian.Formats.Tests;

public sealed class PngWriterTests
{
    [Fact]
    public void Every_image_is_read_back()
    {
        Gen<Raster> images =
            from channels in Gen.Int[0, 2].Select(i => i == 0 ? 1 : i + 2)
            from width in Gen.Int[1, 40]
            from height in Gen.Int[1, 40]
            from pixels in Gen.Byte.Array[width * height * channels]
            select new Raster(width, height, channels, pixels);
        images.Sample(image =>
        {
            Raster read = PngReader.Read(PngWriter.Encode(image));
            Assert.Equal((image.Width, image.Height, image.Channels), (read.Width, read.Height, read.Channels));
            Assert.Equal(image.Pixels, read.Pixels);
        });
    }
}
