using System.Text.RegularExpressions;

namespace Brownian.Import.SingleFiles;

/// <summary>The names of an autoencoder's weights in Stability's files (<c>ldm/modules/diffusionmodules/model.py</c>).</summary>
internal static partial class AutoencoderNames
{
    private static readonly Dictionary<string, string> OfAttention = new(StringComparer.Ordinal)
    {
        ["group_norm"] = "norm",
        ["to_q"] = "q",
        ["to_k"] = "k",
        ["to_v"] = "v",
        ["to_out.0"] = "proj_out",
    };

    /// <summary>Returns the name of a weight; null when it has none.</summary>
    /// <param name="name">Its name in diffusers.</param>
    /// <param name="levels">The number of levels. The decoder's are counted from the other end.</param>
    public static string? Of(string name, int levels)
    {
        if (Resnet().Match(name) is { Success: true } resnet)
        {
            string half = resnet.Groups[1].Value;
            int block = int.Parse(resnet.Groups[2].Value, CultureInfo.InvariantCulture);
            string level = half == "encoder" ? $"down.{block}" : $"up.{levels - 1 - block}";
            return $"{half}.{level}.block.{resnet.Groups[3].Value}.{Inner(resnet.Groups[4].Value)}";
        }
        if (Sampler().Match(name) is { Success: true } sampler)
        {
            int block = int.Parse(sampler.Groups[2].Value, CultureInfo.InvariantCulture);
            return sampler.Groups[1].Value == "encoder" ? $"encoder.down.{block}.downsample.conv.{sampler.Groups[3].Value}"
                : $"decoder.up.{levels - 1 - block}.upsample.conv.{sampler.Groups[3].Value}";
        }
        if (Middle().Match(name) is { Success: true } middle)
        {
            int block = int.Parse(middle.Groups[2].Value, CultureInfo.InvariantCulture);
            return $"{middle.Groups[1].Value}.mid.block_{block + 1}.{Inner(middle.Groups[3].Value)}";
        }
        if (Attention().Match(name) is { Success: true } attention)
        {
            return OfAttention.TryGetValue(attention.Groups[2].Value, out string? module)
                ? $"{attention.Groups[1].Value}.mid.attn_1.{module}.{attention.Groups[3].Value}"
                : null;
        }
        return name.Replace(".conv_norm_out.", ".norm_out.", StringComparison.Ordinal);
    }

    private static string Inner(string rest) => rest.Replace("conv_shortcut", "nin_shortcut", StringComparison.Ordinal);

    [GeneratedRegex(@"^(encoder|decoder)\.(?:down|up)_blocks\.(\d{1,3})\.resnets\.(\d{1,3})\.(.+)$")]
    private static partial Regex Resnet();

    [GeneratedRegex(@"^(encoder|decoder)\.(?:down|up)_blocks\.(\d{1,3})\.(?:down|up)samplers\.0\.conv\.(\w+)$")]
    private static partial Regex Sampler();

    [GeneratedRegex(@"^(encoder|decoder)\.mid_block\.resnets\.(\d)\.(.+)$")]
    private static partial Regex Middle();

    [GeneratedRegex(@"^(encoder|decoder)\.mid_block\.attentions\.0\.(group_norm|to_q|to_k|to_v|to_out\.0)\.(\w+)$")]
    private static partial Regex Attention();
}
