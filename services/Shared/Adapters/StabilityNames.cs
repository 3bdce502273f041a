using System.Text.RegularExpressions;

namespace Brownian.Adapters;

/// <summary>
/// Converts the reference's names of a UNet's modules to Stability's (<c>generative-models/sgm/modules/diffusionmodules/openaimodel.py:
/// UNetModel</c>). The number of resnets per level is counted among the names, so that no configuration is needed.
/// </summary>
public static partial class StabilityNames
{
    private static readonly Dictionary<string, string> Single = new(StringComparer.Ordinal)
    {
        ["conv_in"] = "input_blocks.0.0",
        ["conv_norm_out"] = "out.0",
        ["conv_out"] = "out.2",
        ["time_embedding.linear_1"] = "time_embed.0",
        ["time_embedding.linear_2"] = "time_embed.2",
        ["add_embedding.linear_1"] = "label_emb.0.0",
        ["add_embedding.linear_2"] = "label_emb.0.2",
        ["class_embedding"] = "label_emb",
    };

    private static readonly Dictionary<string, string> OfResnet = new(StringComparer.Ordinal)
    {
        ["norm1"] = "in_layers.0",
        ["conv1"] = "in_layers.2",
        ["time_emb_proj"] = "emb_layers.1",
        ["norm2"] = "out_layers.0",
        ["conv2"] = "out_layers.3",
        ["conv_shortcut"] = "skip_connection",
    };

    private static readonly string[] Roots = ["input_blocks_", "middle_block_", "output_blocks_", "time_embed_", "label_emb_", "out_0", "out_2"];

    /// <summary>Returns whether a flattened name is one of Stability's.</summary>
    public static bool IsOne(string flat) =>
        Array.Exists(Roots, root => flat.StartsWith(root, StringComparison.Ordinal)) && !flat.StartsWith("time_embedding_", StringComparison.Ordinal);

    /// <summary>Returns Stability's flattened names for the modules that have one.</summary>
    /// <param name="modules">The canonical names of a UNet's modules.</param>
    /// <returns>Canonical names by Stability's names.</returns>
    public static Dictionary<string, string> Of(IEnumerable<string> modules)
    {
        string[] names = [.. modules];
        int[] down = CountResnets(names, "down_blocks"), up = CountResnets(names, "up_blocks");
        var attends = new HashSet<int>(
            names.Select(name => Attention().Match(name)).Where(match => match.Success)
                .Select(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)));
        var stability = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string name in names)
        {
            if (Of(name, down, up, attends.Contains) is { } other)
            {
                stability[ModuleNames.Flat(other)] = name;
            }
        }
        return stability;
    }

    /// <summary>Returns Stability's name of a module; null when it has none.</summary>
    /// <param name="name">The canonical name of a UNet's module.</param>
    /// <param name="down">The number of residual blocks of each level of the lower half.</param>
    /// <param name="up">The number of residual blocks of each level of the upper half.</param>
    /// <param name="attends">Whether a level of the upper half has attention.</param>
    public static string? Of(string name, IReadOnlyList<int> down, IReadOnlyList<int> up, Func<int, bool> attends)
    {
        if (Single.TryGetValue(name, out string? single))
        {
            return single;
        }
        if (Middle().Match(name) is { Success: true } middle)
        {
            int index = int.Parse(middle.Groups[2].Value, CultureInfo.InvariantCulture);
            bool resnet = middle.Groups[1].Value == "resnets";
            return Inner(middle.Groups[3].Value, resnet) is { } inner ? $"middle_block.{(resnet ? 2 * index : 2 * index + 1)}.{inner}" : null;
        }
        if (Block().Match(name) is not { Success: true } match)
        {
            return null;
        }
        bool isDown = match.Groups[1].Value == "down";
        int block = int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture);
        int layer = int.Parse(match.Groups[4].Value, CultureInfo.InvariantCulture);
        IReadOnlyList<int> resnets = isDown ? down : up;
        if (block >= resnets.Count)
        {
            return null;
        }
        string rest = match.Groups[5].Value;
        // Every downsampler is a separate block; an upsampler is part of the last block of its level.
        int first = resnets.Take(block).Sum() + (isDown ? 1 + block : 0);
        string side = isDown ? "input_blocks" : "output_blocks";
        return match.Groups[3].Value switch
        {
            "resnets" => Inner(rest, resnet: true) is { } inner ? $"{side}.{first + layer}.0.{inner}" : null,
            "attentions" => $"{side}.{first + layer}.1.{rest}",
            "downsamplers" when rest == "conv" => $"{side}.{first + resnets[block]}.0.op",
            "upsamplers" when rest == "conv" =>
                $"{side}.{first + resnets[block] - 1}.{(attends(block) ? 2 : 1)}.conv",
            _ => null,
        };
    }

    private static string? Inner(string rest, bool resnet) => resnet ? OfResnet.GetValueOrDefault(rest) : rest;

    private static int[] CountResnets(string[] names, string side)
    {
        var counts = new SortedDictionary<int, int>();
        foreach (
            Match match in names.Where(name => name.StartsWith(side, StringComparison.Ordinal)).Select(name => Block().Match(name))
                .Where(match => match.Success))
        {
            int block = int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture);
            int known = counts.GetValueOrDefault(block);
            counts[block] = match.Groups[3].Value == "resnets"
                ? Math.Max(known, int.Parse(match.Groups[4].Value, CultureInfo.InvariantCulture) + 1)
                : known;
        }
        int[] resnets = new int[counts.Count == 0 ? 0 : counts.Keys.Max() + 1];
        foreach ((int block, int count) in counts)
        {
            resnets[block] = count;
        }
        return resnets;
    }

    [GeneratedRegex(@"^(down|up)_blocks\.(\d{1,3})\.(resnets|attentions|downsamplers|upsamplers)\.(\d{1,3})\.(.+)$")]
    private static partial Regex Block();

    [GeneratedRegex(@"^mid_block\.(resnets|attentions)\.(\d{1,3})\.(.+)$")]
    private static partial Regex Middle();

    [GeneratedRegex(@"^up_blocks\.(\d{1,3})\.attentions\.")]
    private static partial Regex Attention();
}
