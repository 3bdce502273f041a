using Brownian.Formats.Images;

namespace Brownian.Imaging.Preparation;

/// <summary>
/// Canny's edges as in OpenCV's <c>cv2.Canny(image, low, high)</c> (J. Canny, "A Computational Approach to Edge Detection", 1986; <c>canny.cpp</c>):
/// Sobel 3x3 with replicated borders, the channel with the largest change, |dx| + |dy|, non-maximum suppression in integers, and hysteresis, which
/// keeps weak edges connected to strong ones.
/// </summary>
public static class CannyEdges
{
    /// <summary>The tangent of 22.5 degrees in 15 fractional bits: sqrt(2) - 1.</summary>
    private const int Tangent = 13573;
    private const int TangentBits = 15;

    /// <summary>The states of a pixel. <see cref="Weak"/> pixels become strong or remain no edge.</summary>
    private const byte Weak = 1, Strong = 2;

    /// <summary>Returns an image's edges: white lines on black.</summary>
    /// <param name="image">An image of 1 or 3 channels.</param>
    /// <param name="low">Changes below it are no edges, in levels (the effective range is 0..2040).</param>
    /// <param name="high">Changes above it are always edges. The two thresholds are swapped when this is the smaller one.</param>
    /// <returns>An image of the same size, 255 or 0 in all three channels.</returns>
    /// <exception cref="ArgumentException">The image has alpha, or a threshold is not finite.</exception>
    public static PixelImage Find(Raster image, double low = 100, double high = 200)
    {
        if (image.Channels == 4)
        {
            throw new ArgumentException("Edges are found in images of 1 or 3 channels", nameof(image));
        }
        if (!double.IsFinite(low) || !double.IsFinite(high))
        {
            throw new ArgumentException($"Thresholds are finite numbers, not {low} and {high}", double.IsFinite(low) ? nameof(high) : nameof(low));
        }
        (low, high) = (Math.Floor(Math.Min(low, high)), Math.Floor(Math.Max(low, high)));
        int width = image.Width, height = image.Height, framed = width + 2;
        // A border of one pixel on every side, so that neighbors need no bounds check.
        var edges = new byte[framed * (height + 2)];
        var strong = new Stack<int>();
        Gradients[] rows = [new(width), new(width), new(width)];
        rows[0].Clear();
        rows[1].Fill(image, 0);
        for (int y = 0; y < height; y++)
        {
            Gradients above = rows[y % 3], here = rows[(y + 1) % 3], below = rows[(y + 2) % 3];
            if (y + 1 < height)
            {
                below.Fill(image, y + 1);
            }
            else
            {
                below.Clear();
            }
            for (int x = 0; x < width; x++)
            {
                int size = here.Sizes[x + 1];
                if (size > low && IsRidge(above.Sizes, here, below.Sizes, x, size))
                {
                    int at = (y + 1) * framed + x + 1;
                    edges[at] = Weak;
                    if (size > high)
                    {
                        edges[at] = Strong;
                        strong.Push(at);
                    }
                }
            }
        }
        Spread(edges, strong, framed);
        var rgb = new byte[3 * width * height];
        for (int y = 0, to = 0; y < height; y++)
        {
            foreach (byte edge in edges.AsSpan((y + 1) * framed + 1, width))
            {
                rgb.AsSpan(to, 3).Fill(edge == Strong ? byte.MaxValue : (byte)0);
                to += 3;
            }
        }
        return new PixelImage(width, height, rgb);
    }

    /// <summary>Returns whether no neighbor across the edge changes more. Of two equal pixels the first one is kept.</summary>
    private static bool IsRidge(int[] above, Gradients here, int[] below, int x, int size)
    {
        int dx = here.Across[x], dy = here.Down[x];
        int shallow = Math.Abs(dx) * Tangent, y = Math.Abs(dy) << TangentBits;
        if (y < shallow)
        {
            return size > here.Sizes[x] && size >= here.Sizes[x + 2];
        }
        // tan 67.5 degrees = tan 22.5 degrees + 2.
        if (y > shallow + (Math.Abs(dx) << (TangentBits + 1)))
        {
            return size > above[x + 1] && size >= below[x + 1];
        }
        int slant = (dx ^ dy) < 0 ? -1 : 1;
        return size > above[x + 1 - slant] && size > below[x + 1 + slant];
    }

    private static void Spread(byte[] edges, Stack<int> strong, int framed)
    {
        ReadOnlySpan<int> neighbours = [-framed - 1, -framed, -framed + 1, -1, 1, framed - 1, framed, framed + 1];
        while (strong.TryPop(out int at))
        {
            foreach (int neighbour in neighbours)
            {
                if (edges[at + neighbour] == Weak)
                {
                    edges[at + neighbour] = Strong;
                    strong.Push(at + neighbour);
                }
            }
        }
    }

    /// <summary>The gradients of a row's levels. The sizes have an additional 0 at each end.</summary>
    private sealed class Gradients(int width)
    {
        public int[] Across { get; } = new int[width];

        public int[] Down { get; } = new int[width];

        public int[] Sizes { get; } = new int[width + 2];

        public void Clear() => Array.Clear(Sizes);

        public void Fill(Raster image, int y)
        {
            int channels = image.Channels;
            ReadOnlySpan<byte> above = image.Row(Math.Max(y - 1, 0)), here = image.Row(y), below = image.Row(Math.Min(y + 1, image.Height - 1));
            for (int x = 0; x < width; x++)
            {
                int left = Math.Max(x - 1, 0) * channels, middle = x * channels, right = Math.Min(x + 1, width - 1) * channels;
                int most = -1;
                for (int channel = 0; channel < channels; channel++, left++, middle++, right++)
                {
                    int dx = above[right] - above[left] + 2 * (here[right] - here[left]) + below[right] - below[left];
                    int dy = below[left] - above[left] + 2 * (below[middle] - above[middle]) + below[right] - above[right];
                    int size = Math.Abs(dx) + Math.Abs(dy);
                    if (size > most)
                    {
                        most = size;
                        Across[x] = dx;
                        Down[x] = dy;
                    }
                }
                Sizes[x + 1] = most;
            }
        }
    }
}
