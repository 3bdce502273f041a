namespace Brownian.Import.Networks.Unet;

/// <summary>What follows every residual block of a level.</summary>
internal enum BlockAttention
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Attention of the feature map to itself.</summary>
    Self,

    /// <summary>Transformer blocks with attention to the text.</summary>
    Transformer,

    /// <summary>Attention to the text and to the feature map at once.</summary>
    AddedText,
}
