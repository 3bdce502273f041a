using Brownian.Requests;
using Brownian.Requests.References;

namespace Brownian.Models.Plans;

/// <summary>A ControlNet beside a denoise stage, and the image that it is shown.</summary>
public sealed record ControlSettings
{
    /// <summary>Which one.</summary>
    public required ControlNetReference Net { get; init; }

    /// <summary>The image's id.</summary>
    public required string Image { get; init; }

    /// <summary>What is made of it first, at its own size: one of <see cref="ControlPreprocess"/>.</summary>
    public string Preprocess { get; init; } = ControlPreprocess.None;

    /// <summary>Pixels that it is resized to: what the run makes.</summary>
    public required int Width { get; init; }

    /// <summary>Pixels that it is resized to: what the run makes.</summary>
    public required int Height { get; init; }

    /// <summary>The id of a mask around which it is cut out first; null for the whole image.</summary>
    public string? Mask { get; init; }

    /// <summary>How many pixels around the mask are taken along.</summary>
    public int PaddingMaskCrop { get; init; }

    /// <summary>What is said is multiplied with it; finite. With 0 the graph is not run.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>The share of the run's evaluations before which it is not heard, 0 and above, below <see cref="End"/>.</summary>
    public double Start { get; init; }

    /// <summary>The share of the run's evaluations after which it is not heard, up to 1.</summary>
    public double End { get; init; } = 1;

    /// <summary>
    /// Whether the prompt's pass alone hears it, and the higher layers less than the deeper ones: it then follows the image even without a
    /// prompt (the guess mode of L. Zhang et al., "Adding Conditional Control to Text-to-Image Diffusion Models", 2023).
    /// </summary>
    public bool GuessMode { get; init; }
}
