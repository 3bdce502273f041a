using Brownian.Formats.Images;
using Brownian.Imaging.Preparation;
using CsCheck;

namespace Brownian.Imaging.Tests;

public sealed class CannyEdgesTests
{
    private static readonly Gen<Raster> Images = Gen.Select(Gen.Int[1, 24], Gen.Int[1, 24], Gen.Bool).SelectMany(kind =>
    {
        int channels = kind.Item3 ? 3 : 1;
        return Gen.Byte.Array[kind.Item1 * kind.Item2 * channels].Select(pixels => new Raster(kind.Item1, kind.Item2, channels, pixels));
    });

    /// <summary>A step of 255 changes by 4 x 255 on both of its sides: the first of the two is the edge, up to the borders.</summary>
    [Fact]
    public void The_edge_of_a_step_is_a_line_on_its_first_side()
    {
        Assert.Equal(["..#...", "..#...", "..#..."], Lines(CannyEdges.Find(Grey("000999", "000999", "000999"))));
        Assert.Equal(["..#...", "..#...", "..#..."], Lines(CannyEdges.Find(Grey("999000", "999000", "999000"))));
        Assert.Equal(["...", "###", "...", "..."], Lines(CannyEdges.Find(Grey("000", "000", "999", "999"))));
    }

    /// <summary>A step of 40 levels changes by 160: more than 159, not more than 160.</summary>
    [Theory]
    [InlineData(100, 200, false)]
    [InlineData(100, 160, false)]
    [InlineData(100, 159.9, true)]
    [InlineData(159, 159, true)]
    [InlineData(160, 100, false)]
    [InlineData(159, 100, true)]
    public void An_edge_starts_only_at_a_change_above_the_higher_threshold(double low, double high, bool found) =>
        Assert.Equal(found, Lines(CannyEdges.Find(Steps(40, 40, 40), low, high)).All(line => line == "..#..."));

    /// <summary>
    /// Rows 0 and 1 change by 240 at column 2. At rows 2 and 3 the levels also fall downwards: dx = 220 and 180, dy = -60 at column 3 against -20
    /// at column 2, so that column 3 changes most, by 280 and 240. From row 4 on it is 160 at column 2: an edge only because it touches strong ones.
    /// </summary>
    [Fact]
    public void A_weak_edge_is_kept_where_it_touches_a_strong_one()
    {
        Assert.Equal(
            ["..#...", "..#...", "...#..", "...#..", "..#...", "..#...", "..#..."], Lines(CannyEdges.Find(Steps(60, 60, 60, 40, 40, 40, 40))));
        Assert.All(Lines(CannyEdges.Find(Steps(40, 40, 40, 40))), line => Assert.Equal("......", line));
    }

    /// <summary>
    /// Beside a slanted step two diagonals change equally by dx = dy = 3 x 255, the next ones by 255. Pixels are compared across the edge with those
    /// two diagonals away, so that both stay.
    /// </summary>
    [Fact]
    public void The_edge_of_a_slanted_step_is_a_slanted_line()
    {
        string[] lines = Lines(CannyEdges.Find(Grey("0000009", "0000099", "0000999", "0009999", "0099999", "0999999", "9999999")));
        Assert.Equal(["...##", "..##.", ".##..", "##...", "#...."], lines[1..6].Select(line => line[1..6]));
    }

    [Fact]
    public void The_channel_with_the_largest_change_determines_the_edges()
    {
        var blue = new PixelImage(6, 1, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 60, 0, 0, 60]);
        Assert.Equal(["..#..."], Lines(CannyEdges.Find(blue)));
        // Its luma changes by 7 levels.
        Assert.Equal(["......"], Lines(CannyEdges.Find(blue.ToGrey())));
    }

    [Fact]
    public void Edges_of_a_transposed_image_are_the_transposed_edges() =>
        Images.Sample(image => Assert.Equal(CannyEdges.Find(image).Orient(5).Pixels, CannyEdges.Find(image.Orient(5)).Pixels), iter: 500);

    [Fact]
    public void Higher_thresholds_find_a_subset_of_the_edges() =>
        Gen.Select(Images, Gen.Double[0, 1500], Gen.Double[0, 1500], Gen.Double[0, 300]).Sample(
            (image, low, high, more) =>
            {
                byte[] some = CannyEdges.Find(image, low, high).Rgb, fewer = CannyEdges.Find(image, low + more, high + more).Rgb;
                Assert.All(some, level => Assert.True(level is 0 or 255));
                Assert.All(fewer.Zip(some), pair => Assert.True(pair.First <= pair.Second));
            },
            iter: 500);

    [Fact]
    public void A_grey_image_in_three_channels_has_the_edges_of_one_channel() =>
        Images.Sample(image => Assert.Equal(CannyEdges.Find(image.ToGrey()).Rgb, CannyEdges.Find(image.ToGrey().ToRgb()).Rgb), iter: 200);

    [Fact]
    public void Images_with_alpha_and_infinite_or_NaN_thresholds_are_refused()
    {
        Assert.Throws<ArgumentException>("image", () => CannyEdges.Find(Grey("09").ToRgba()));
        Assert.Throws<ArgumentException>("low", () => CannyEdges.Find(Grey("09"), double.NaN));
        Assert.Throws<ArgumentException>("high", () => CannyEdges.Find(Grey("09"), 1, double.PositiveInfinity));
    }

    /// <summary>Digits are levels: 0 means 0, 9 means 255.</summary>
    private static Raster Grey(params string[] rows) =>
        new(rows[0].Length, rows.Length, 1, [.. rows.SelectMany(row => row.Select(digit => (byte)((digit - '0') * 255 / 9)))]);

    private static Raster Steps(params byte[] heights) =>
        new(6, heights.Length, 1, [.. heights.SelectMany(height => (byte[])[0, 0, 0, height, height, height])]);

    private static string[] Lines(PixelImage edges) =>
        [.. Enumerable.Range(0, edges.Height).Select(y => string.Concat(edges.ToGrey().Row(y).ToArray().Select(level => level == 0 ? '.' : '#')))];
}
