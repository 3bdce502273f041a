
namespace Brownian.Adapters;

/// <summary>The names of the inputs and outputs that connect ControlNets and UNets.</summary>
public static class ControlNetNames
{
    /// <summary>The prefix of a layer of the down path, followed by its number.</summary>
    public const string DownBlock = "down_block_";

    /// <summary>The middle block.</summary>
    public const string MidBlock = "mid_block";

    /// <summary>The inputs of every ControlNet.</summary>
    public static IReadOnlyList<string> Inputs { get; } = ["sample", "timestep", "encoder_hidden_states", "controlnet_cond", "conditioning_scale"];

    /// <summary>Returns the layers that exist: <c>down_block_0</c>, <c>down_block_1</c>, ... and finally <c>mid_block</c>.</summary>
    /// <returns>The layers; empty when one of the two kinds is missing.</returns>
    public static IReadOnlyList<string> Outputs(IEnumerable<string> names)
    {
        HashSet<string> known = [.. names];
        string[] down =
        [
            .. Enumerable.Range(0, known.Count).Select(i => string.Create(CultureInfo.InvariantCulture, $"{DownBlock}{i}")).TakeWhile(known.Contains)
        ];
        return down.Length > 0 && known.Contains(MidBlock) ? [.. down, MidBlock] : [];
    }
}
