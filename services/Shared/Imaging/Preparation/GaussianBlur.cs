using Brownian.Formats.Images;

namespace Brownian.Imaging.Preparation;

/// <summary>
/// Pillow's <c>ImageFilter.GaussianBlur</c>, byte for byte (<c>BoxBlur.c</c>): three box blurs along the rows, then three along the columns, with
/// replicated edges and 24 fractional bits, rounded to integer levels after each (Gwosdek and others, SSVM 2011, equations 7, 11, 14).
/// </summary>
public static class GaussianBlur
{
    private const int Passes = 3;
    private const int Precision = 24;

    /// <summary>Returns the blurred image.</summary>
    /// <param name="image">An image of 1, 3 or 4 channels; each is blurred separately.</param>
    /// <param name="radius">The standard deviation in pixels: 0 (unchanged) to 8192.</param>
    /// <exception cref="ArgumentOutOfRangeException">The radius is out of range.</exception>
    public static Raster Apply(Raster image, float radius)
    {
        const float Max = 8192;
        if (radius is not (>= 0 and <= Max))
        {
            throw new ArgumentOutOfRangeException(nameof(radius), radius, "A blur's radius is 0..8192 pixels");
        }
        if (radius == 0)
        {
            return image;
        }
        var blurred = (byte[])image.Pixels.Clone();
        float box = BoxRadius(radius);
        int stride = image.Width * image.Channels;
        var line = new BoxLine(box, image.Width, image.Channels);
        for (int y = 0; y < image.Height; y++)
        {
            line.Blur(blurred.AsSpan(y * stride), image.Channels, image.Channels);
        }
        // Columns are processed in groups, so that memory is accessed along rows.
        const int Together = 64;
        line = new BoxLine(box, image.Height, Math.Min(Together, stride));
        for (int x = 0; x < stride; x += Together)
        {
            line.Blur(blurred.AsSpan(x), stride, Math.Min(Together, stride - x));
        }
        return new Raster(image.Width, image.Height, image.Channels, blurred);
    }

    private static float BoxRadius(float radius)
    {
        float variance = radius * radius / Passes;
        float length = (float)Math.Sqrt(12.0 * variance + 1.0);
        float whole = (float)Math.Floor((length - 1.0) / 2.0);
        float part = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance);
        part /= 6 * (variance - (whole + 1) * (whole + 1));
        return whole + part;
    }

    /// <summary>A line of pixels, or several adjacent ones, with its edges replicated at both ends.</summary>
    private sealed class BoxLine
    {
        private readonly int _length;
        private readonly int _radius;
        private readonly uint _inner;
        private readonly uint _outer;
        private readonly byte[] _line;
        private readonly byte[] _blurred;
        private readonly uint[] _sums;

        public BoxLine(float radius, int length, int lanes)
        {
            _length = length;
            _radius = (int)radius;
            _inner = (uint)((1 << Precision) / (radius * 2 + 1));
            _outer = ((1u << Precision) - (uint)(_radius * 2 + 1) * _inner) / 2;
            _line = new byte[(length + 2 * (_radius + 1)) * lanes];
            _blurred = new byte[length * lanes];
            _sums = new uint[lanes];
        }

        /// <param name="pixels">The pixels from the line's first byte on.</param>
        /// <param name="step">The number of bytes from one position of the line to the next.</param>
        /// <param name="lanes">The number of adjacent bytes at each position.</param>
        public void Blur(Span<byte> pixels, int step, int lanes)
        {
            int margin = (_radius + 1) * lanes;
            Span<byte> middle = _line.AsSpan(margin, _length * lanes);
            for (int i = 0; i < _length; i++)
            {
                pixels.Slice(i * step, lanes).CopyTo(middle[(i * lanes)..]);
            }
            for (int pass = 0; pass < Passes; pass++)
            {
                for (int i = 0; i < margin; i += lanes)
                {
                    middle[..lanes].CopyTo(_line.AsSpan(i));
                    middle[^lanes..].CopyTo(_line.AsSpan(margin + middle.Length + i));
                }
                Pass(lanes);
                _blurred.AsSpan(0, middle.Length).CopyTo(middle);
            }
            for (int i = 0; i < _length; i++)
            {
                middle.Slice(i * lanes, lanes).CopyTo(pixels[(i * step)..]);
            }
        }

        private void Pass(int lanes)
        {
            Span<uint> sums = _sums.AsSpan(0, lanes);
            sums.Clear();
            // The window around the position before the first one.
            for (int i = 0; i < (2 * _radius + 1) * lanes; i += lanes)
            {
                for (int lane = 0; lane < lanes; lane++)
                {
                    sums[lane] += _line[i + lane];
                }
            }
            for (int i = 0; i < _length; i++)
            {
                ReadOnlySpan<byte> left = _line.AsSpan(i * lanes, lanes);
                ReadOnlySpan<byte> last = _line.AsSpan((i + 2 * _radius + 1) * lanes, lanes);
                ReadOnlySpan<byte> right = _line.AsSpan((i + 2 * _radius + 2) * lanes, lanes);
                Span<byte> to = _blurred.AsSpan(i * lanes, lanes);
                for (int lane = 0; lane < to.Length; lane++)
                {
                    uint sum = sums[lane] + last[lane] - left[lane];
                    sums[lane] = sum;
                    to[lane] = (byte)((sum * _inner + (uint)(left[lane] + right[lane]) * _outer + (1u << (Precision - 1))) >> Precision);
                }
            }
        }
    }
}
