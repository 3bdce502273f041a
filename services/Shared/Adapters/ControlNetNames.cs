
namespace Brownian.Adapters;

/// <summary>What the inputs and outputs are called through which ControlNets and UNets speak.</summary>
public static class ControlNetNames
{
    /// <summary>A layer on the way down, followed by its number.</summary>
    public const string DownBlock = "down_block_";

    /// <summary>The layer in the middle.</summary>
    public const string MidBlock = "mid_block";

    /// <summary>What every ControlNet is given.</summary>
    public static IReadOnlyList<string> Inputs { get; } = ["sample", "timestep", "encoder_hidden_states", "controlnet_cond", "conditioning_scale"];

    /// <summary>The layers that are there: <c>down_block_0</c>, <c>down_block_1</c>, ... and last <c>mid_block</c>.</summary>
    /// <returns>Empty where one of the two kinds is missing.</returns>
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
