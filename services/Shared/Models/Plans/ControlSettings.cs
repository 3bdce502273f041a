using Brownian.Requests;
using Brownian.Requests.References;

namespace Brownian.Models.Plans;

/// <summary>A ControlNet of a denoise stage, and its control image.</summary>
public sealed record ControlSettings
{
    /// <summary>The ControlNet.</summary>
    public required ControlNetReference Net { get; init; }

    /// <summary>The id of the control image.</summary>
    public required string Image { get; init; }

    /// <summary>How the image is preprocessed, at its original size: one of <see cref="ControlPreprocess"/>.</summary>
    public string Preprocess { get; init; } = ControlPreprocess.None;

    /// <summary>The width in pixels that the image is resized to: the width of the run's images.</summary>
    public required int Width { get; init; }

    /// <summary>The height in pixels that the image is resized to: the height of the run's images.</summary>
    public required int Height { get; init; }

    /// <summary>The id of a mask around which the image is cropped first; null for the whole image.</summary>
    public string? Mask { get; init; }

    /// <summary>The number of pixels around the mask that the crop includes.</summary>
    public int PaddingMaskCrop { get; init; }

    /// <summary>The factor of the ControlNet's residuals; finite. With 0 the graph is not run.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>The share of the run's evaluations before which the ControlNet is not applied, 0 and above, below <see cref="End"/>.</summary>
    public double Start { get; init; }

    /// <summary>The share of the run's evaluations after which the ControlNet is not applied, up to 1.</summary>
    public double End { get; init; } = 1;

    /// <summary>
    /// Whether the ControlNet is applied to the conditional pass alone, and more weakly in the higher layers than in the deeper ones. The run then
    /// follows the image even without a prompt (the guess mode of L. Zhang et al., "Adding Conditional Control to Text-to-Image Diffusion Models",
    /// 2023).
    /// </summary>
    public bool GuessMode { get; init; }
}
