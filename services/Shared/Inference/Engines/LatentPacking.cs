namespace Brownian.Inference.Engines;

/// <summary>
/// Converts latents to and from a sequence of patches of two by two, row by row. Each patch contains its channels in order and the four values of
/// each channel in order (<c>_pack_latents</c> and <c>_prepare_latent_image_ids</c> of the reference's <c>pipeline_flux.py</c>).
/// </summary>
/// <param name="rows">The number of images.</param>
/// <param name="height">The height in latents; even.</param>
/// <param name="width">The width in latents; even.</param>
internal sealed class LatentPacking(int rows, int height, int width)
{
    /// <summary>The number of patches per image.</summary>
    public int Squares => height / 2 * (width / 2);

    /// <summary>Packs latents.</summary>
    /// <param name="plain">[rows, channels, height, width].</param>
    /// <param name="packed">[rows, patches, 4 channels].</param>
    public void Pack(ReadOnlySpan<float> plain, Span<float> packed)
    {
        int across = width / 2, channels = plain.Length / (rows * height * width);
        for (int i = 0; i < plain.Length; i++)
        {
            packed[PackedIndex(i, channels, across)] = plain[i];
        }
    }

    /// <summary>Unpacks latents.</summary>
    /// <param name="packed">[rows, patches, 4 channels].</param>
    /// <param name="plain">[rows, channels, height, width].</param>
    public void Unpack(ReadOnlySpan<float> packed, Span<float> plain)
    {
        int across = width / 2, channels = plain.Length / (rows * height * width);
        for (int i = 0; i < plain.Length; i++)
        {
            plain[i] = packed[PackedIndex(i, channels, across)];
        }
    }

    /// <summary>Fills the positions of the patches: [patches, 3], where the second number is the row and the third the column.</summary>
    public void FillPlaces(Span<float> places)
    {
        int across = width / 2;
        for (int i = 0; i < Squares; i++)
        {
            (places[3 * i], places[3 * i + 1], places[3 * i + 2]) = (0, i / across, i % across);
        }
    }

    private int PackedIndex(int plain, int channels, int across)
    {
        int x = plain % width, y = plain / width % height, channel = plain / (width * height) % channels, row = plain / (width * height * channels);
        return ((row * Squares + y / 2 * across + x / 2) * channels + channel) * 4 + y % 2 * 2 + x % 2;
    }
}
