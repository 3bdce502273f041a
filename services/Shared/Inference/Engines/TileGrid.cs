namespace Brownian.Inference.Engines;

/// <summary>
/// The positions of equally sized tiles over an image or its latents. They are spread evenly from border to border, so that neighbors overlap by at
/// least the requested number. A side that is not longer than a tile has a single tile of the side's length.
/// </summary>
internal sealed class TileGrid
{
    private readonly int[] _tops;
    private readonly int[] _lefts;

    /// <param name="height">The height of the area.</param>
    /// <param name="width">The width of the area.</param>
    /// <param name="side">The side of a tile, larger than <paramref name="overlap"/>.</param>
    /// <param name="overlap">The minimum overlap.</param>
    /// <param name="multiple">The number that positions are multiples of. Lengths, side and overlap must be multiples of it, too.</param>
    public TileGrid(int height, int width, int side, int overlap, int multiple = 1)
    {
        (TileHeight, TileWidth) = (Math.Min(side, height), Math.Min(side, width));
        _tops = Places(height, TileHeight, overlap, multiple);
        _lefts = Places(width, TileWidth, overlap, multiple);
    }

    /// <summary>The height of every tile.</summary>
    public int TileHeight { get; }

    /// <summary>The width of every tile.</summary>
    public int TileWidth { get; }

    /// <summary>The first row of each row of tiles, from 0.</summary>
    public ReadOnlySpan<int> Tops => _tops;

    /// <summary>The first column of each column of tiles, from 0.</summary>
    public ReadOnlySpan<int> Lefts => _lefts;

    /// <summary>The number of tiles.</summary>
    public int Count => _tops.Length * _lefts.Length;

    /// <summary>Returns a tile's position. Tiles are numbered row by row.</summary>
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
