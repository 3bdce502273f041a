using Brownian.Formats.Tensors;

namespace Brownian.Models.Facts;

/// <summary>
/// Cuts a VAE's input into tiles that overlap by a quarter and blends the results (<c>tiled_decode</c> and <c>_tiled_encode</c> of the reference's
/// <c>autoencoder_kl.py</c>). Memory grows with the tile instead of the image. The result differs from that of the whole image.
/// </summary>
/// <param name="Pixels">The side of a tile in pixels: the <c>sample_size</c> that the VAE was trained for.</param>
/// <param name="Latents">The side of a tile in latents.</param>
public sealed record VaeTiling(int Pixels, int Latents)
{
    /// <summary>Returns whether latents of a size are cut: when a side is longer than a tile's.</summary>
    public bool Cuts(int height, int width) => height > Latents || width > Latents;

    /// <summary>Decodes tile by tile.</summary>
    /// <param name="latents">[1, channels, height, width].</param>
    /// <param name="decode">Decodes one tile.</param>
    public Tensor Decode(Tensor latents, Func<Tensor, Tensor> decode) => Run(latents, Latents, Pixels, decode);

    /// <summary>Encodes tile by tile.</summary>
    /// <param name="image">[1, 3, height, width].</param>
    /// <param name="encode">Encodes one tile.</param>
    public Tensor Encode(Tensor image, Func<Tensor, Tensor> encode) => Run(image, Pixels, Latents, encode);

    private static Tensor Run(Tensor input, int tile, int tileOut, Func<Tensor, Tensor> run)
    {
        int height = input.Shape[2], width = input.Shape[3];
        int stride = (int)(tile * 0.75), blend = (int)(tileOut * 0.25), kept = tileOut - blend;
        int outHeight = (int)((long)height * tileOut / tile), outWidth = (int)((long)width * tileOut / tile);
        Tensor? output = null;
        Tensor[]? above = null;
        for (int top = 0, row = 0; top < height; top += stride, row++)
        {
            var tiles = new Tensor[(width + stride - 1) / stride];
            for (int column = 0; column < tiles.Length; column++)
            {
                Tensor made = run(Cut(input, top, column * stride, Math.Min(tile, height - top), Math.Min(tile, width - column * stride)));
                output ??= new Tensor(new float[made.Shape[1] * outHeight * outWidth], [1, made.Shape[1], outHeight, outWidth]);
                // First with the tile above, then with the tile on the left; both are blended already.
                if (above is not null)
                {
                    Blend(above[column], made, blend, vertical: true);
                }
                if (column > 0)
                {
                    Blend(tiles[column - 1], made, blend, vertical: false);
                }
                tiles[column] = made;
                Paste(made, output, row * kept, column * kept, kept);
            }
            above = tiles;
        }
        return output!;
    }

    private static Tensor Cut(Tensor from, int top, int left, int height, int width)
    {
        int channels = from.Shape[1];
        var values = new float[channels * height * width];
        for (int channel = 0; channel < channels; channel++)
        {
            for (int y = 0; y < height; y++)
            {
                from.Values.AsSpan((channel * from.Shape[2] + top + y) * from.Shape[3] + left, width)
                    .CopyTo(values.AsSpan((channel * height + y) * width));
            }
        }
        return new Tensor(values, [1, channels, height, width]);
    }

    private static void Paste(Tensor tile, Tensor output, int top, int left, int kept)
    {
        int height = Math.Min(Math.Min(kept, tile.Shape[2]), output.Shape[2] - top),
        width = Math.Min(Math.Min(kept, tile.Shape[3]), output.Shape[3] - left);
        for (int channel = 0; channel < tile.Shape[1]; channel++)
        {
            for (int y = 0; y < height; y++)
            {
                tile.Values.AsSpan((channel * tile.Shape[2] + y) * tile.Shape[3], width)
                    .CopyTo(output.Values.AsSpan((channel * output.Shape[2] + top + y) * output.Shape[3] + left));
            }
        }
    }

    private static void Blend(Tensor before, Tensor tile, int most, bool vertical)
    {
        int height = tile.Shape[2], width = tile.Shape[3], beforeHeight = before.Shape[2], beforeWidth = before.Shape[3];
        int extent = vertical ? Math.Min(Math.Min(beforeHeight, height), most) : Math.Min(Math.Min(beforeWidth, width), most);
        for (int channel = 0; channel < tile.Shape[1]; channel++)
        {
            for (int y = 0; y < (vertical ? extent : height); y++)
            {
                for (int x = 0; x < (vertical ? width : extent); x++)
                {
                    int step = vertical ? y : x;
                    int from = vertical
                        ? (channel * beforeHeight + beforeHeight - extent + y) * beforeWidth + x
                        : (channel * beforeHeight + y) * beforeWidth + beforeWidth - extent + x;
                    ref float value = ref tile.Values[(channel * height + y) * width + x];
                    value = before.Values[from] * (float)(1 - step / (double)extent) + value * (float)(step / (double)extent);
                }
            }
        }
    }
}
