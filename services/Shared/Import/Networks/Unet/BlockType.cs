namespace Brownian.Import.Networks.Unet;

/// <summary>A type of the blocks of a UNet's levels (<c>models/unets/unet_2d_blocks.py</c> of diffusers).</summary>
/// <param name="Attention">The attention after every residual block.</param>
/// <param name="IsNewer">
/// Whether residual blocks change the size, and <c>resnet_out_scale_factor</c> and <c>resnet_skip_time_act</c> concern the block.
/// </param>
internal sealed record BlockType(BlockAttention Attention, bool IsNewer)
{
    private static readonly Dictionary<string, BlockType> Known = new(StringComparer.Ordinal)
    {
        ["{0}Block2D"] = new(BlockAttention.None, false),
        ["CrossAttn{0}Block2D"] = new(BlockAttention.Transformer, false),
        ["Attn{0}Block2D"] = new(BlockAttention.Self, false),
        ["Resnet{0}sampleBlock2D"] = new(BlockAttention.None, true),
        ["SimpleCrossAttn{0}Block2D"] = new(BlockAttention.AddedText, true),
    };

    /// <summary>A block without attention.</summary>
    public static BlockType Plain => Known["{0}Block2D"];

    /// <summary>Returns the type of a name; null when it is not supported.</summary>
    /// <param name="name">For example <c>CrossAttnDownBlock2D</c>.</param>
    /// <param name="isDown">Whether the block is of the lower half.</param>
    public static BlockType? Find(string name, bool isDown) =>
        Known.FirstOrDefault(known => NameOf(known.Key, isDown) == name).Value;

    /// <summary>The supported names.</summary>
    public static IEnumerable<string> Names(bool isDown) => Known.Keys.Select(name => NameOf(name, isDown));

    private static string NameOf(string pattern, bool isDown) => pattern.Replace("{0}", isDown ? "Down" : "Up", StringComparison.Ordinal);
}
