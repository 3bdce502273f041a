using Brownian.Formats.Files;
using Brownian.Models.Folders;

namespace Brownian.Models.Facts;

/// <summary>What <c>upscaler/config.json</c> says; null is measured on the graph.</summary>
/// <param name="Scale">How many pixels a side become of one, 1..16.</param>
/// <param name="ReceptiveField">How far a pixel's influence reaches, in pixels of the input, 0..<see cref="MaxReach"/>.</param>
/// <param name="Multiple">What sides of the input must be multiples of, 1..64.</param>
public sealed record ImageUpscalerConfig(int? Scale, int? ReceptiveField, int? Multiple)
{
    /// <summary>The default side of tiles, in pixels of the input.</summary>
    public const int DefaultTile = 256;

    /// <summary>
    /// The farthest that a graph is taken to look, in pixels of the input; what graphs see beyond it, as by pooling all of an image, tiles do not
    /// give them.
    /// </summary>
    public const int MaxReach = 128;

    private const int MaxScale = 16;
    private const int MaxMultiple = 64;

    /// <summary>Reads what lies beside a graph.</summary>
    /// <exception cref="ModelException">A number is none, or out of its range; the message names it.</exception>
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
