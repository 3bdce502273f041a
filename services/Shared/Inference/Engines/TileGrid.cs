namespace Brownian.Inference.Engines;

/// <summary>
/// Where tiles of one size lie over an image or its latents: spread evenly from border to border, so that neighbours overlap by at least
/// what was asked for. Along a side that is no longer than a tile there is one tile, of that length.
/// </summary>
internal sealed class TileGrid
{
    private readonly int[] _tops;
    private readonly int[] _lefts;

    /// <param name="height">What is covered.</param>
    /// <param name="width">What is covered.</param>
    /// <param name="side">A tile's side, above <paramref name="overlap"/>.</param>
    /// <param name="overlap">The least overlap.</param>
    /// <param name="multiple">What places are multiples of; lengths, side and overlap must be, too.</param>
    public TileGrid(int height, int width, int side, int overlap, int multiple = 1)
    {
        (TileHeight, TileWidth) = (Math.Min(side, height), Math.Min(side, width));
        _tops = Places(height, TileHeight, overlap, multiple);
        _lefts = Places(width, TileWidth, overlap, multiple);
    }

    /// <summary>Of every tile.</summary>
    public int TileHeight { get; }

    /// <summary>Of every tile.</summary>
    public int TileWidth { get; }

    /// <summary>The rows of tiles' first rows, from 0.</summary>
    public ReadOnlySpan<int> Tops => _tops;

    /// <summary>The columns of tiles' first columns, from 0.</summary>
    public ReadOnlySpan<int> Lefts => _lefts;

    /// <summary>The number of tiles.</summary>
    public int Count => _tops.Length * _lefts.Length;

    /// <summary>A tile's place, row by row.</summary>
    public (int Top, int Left) this[int tile] => (_tops[tile / _lefts.Length], _lefts[tile % _lefts.Length]);

    private static int[] Places(int length, int tile, int overlap, int multiple)
    {
        int free = length - tile, stride = tile - overlap;
        var places = new int[free == 0 ? 1 : (free + stride - 1) / stride + 1];
        for (int i = 1; i < places.Length; i++)
        {
            places[i] = (int)((long)free * i / (places.Length - 1)) / multiple * multiple;
        }
        return places;
    }
}
