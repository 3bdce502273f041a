namespace Brownian.Models.Plans;

/// <summary>How pixel levels are mapped to [-1, 1]. The reference's pipelines round differently.</summary>
public enum PixelRange
{
    /// <summary>level / 255, then 2 x - 1 (<c>image_processor.py</c>); resized by a cubic filter.</summary>
    Stretched,

    /// <summary>level / 127.5 - 1 (<c>pipeline_if.py</c>); resized by a cubic filter.</summary>
    Halved,
}
