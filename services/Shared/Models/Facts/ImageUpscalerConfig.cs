using Brownian.Formats.Files;
using Brownian.Models.Folders;

namespace Brownian.Models.Facts;

/// <summary>The contents of <c>upscaler/config.json</c>. A field that is null is measured on the graph.</summary>
/// <param name="Scale">The output's pixels per side of one input pixel, 1..16.</param>
/// <param name="ReceptiveField">How far one pixel influences the output, in pixels of the input, 0..<see cref="MaxReach"/>.</param>
/// <param name="Multiple">The number that the input's sides must be multiples of, 1..64.</param>
public sealed record ImageUpscalerConfig(int? Scale, int? ReceptiveField, int? Multiple)
{
    /// <summary>The default side of tiles, in pixels of the input.</summary>
    public const int DefaultTile = 256;

    /// <summary>
    /// The largest receptive field that a graph is assumed to have, in pixels of the input. Influence from farther away, for example by pooling over
    /// the whole image, is lost at the borders of tiles.
    /// </summary>
    public const int MaxReach = 128;

    /// <summary>The largest factor by which a graph enlarges each side.</summary>
    public const int MaxScale = 16;

    private const int MaxMultiple = 64;

    /// <summary>Reads the <c>config.json</c> beside a graph.</summary>
    /// <exception cref="ModelException">A field is not a number or is out of its range. The message names it.</exception>
    public static ImageUpscalerConfig Read(GraphFile graph)
    {
        return new ImageUpscalerConfig(
            Number("scale", 1, MaxScale), Number("receptive_field", 0, MaxReach), Number("multiple", 1, MaxMultiple));

        int? Number(string name, int least, int most)
        {
            if (graph.Config?[name] is not { } stated)
            {
                return null;
            }
            return JsonFile.Integer(stated) is { } number && number >= least && number <= most
                ? number
                : throw new ModelException(
                    $"{graph.Part}/config.json beside {graph.File} has the {name} {stated.ToJsonString()}; it "
                        + $"must be a whole number, {least}..{most}");
        }
    }
}
