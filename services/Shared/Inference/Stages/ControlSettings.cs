using Brownian.Inference.Adapters;
using Brownian.Inference.Engines;
using Brownian.Inference.Requests;

namespace Brownian.Inference.Stages;

/// <summary>A ControlNet beside a denoise stage, and the picture that it is shown.</summary>
public sealed record ControlSettings
{
    /// <summary>Which one.</summary>
    public required ControlNetReference Net { get; init; }

    /// <summary>The picture's id.</summary>
    public required string Image { get; init; }

    /// <summary>What is made of it first, at its own size: one of <see cref="ControlPreprocess"/>.</summary>
    public string Preprocess { get; init; } = ControlPreprocess.None;

    /// <summary>Pixels that it is resized to: what the run makes.</summary>
    public required int Width { get; init; }

    /// <summary>Pixels that it is resized to: what the run makes.</summary>
    public required int Height { get; init; }

    /// <summary>The id of a mask around which it is cut out first; null for the whole picture.</summary>
    public string? Mask { get; init; }

    /// <summary>How many pixels around the mask are taken along.</summary>
    public int PaddingMaskCrop { get; init; }

    /// <summary>As of <see cref="ControlCondition.Scale"/>.</summary>
    public double Scale { get; init; } = 1;

    /// <summary>As of <see cref="ControlCondition.Start"/>.</summary>
    public double Start { get; init; }

    /// <summary>As of <see cref="ControlCondition.End"/>.</summary>
    public double End { get; init; } = 1;

    /// <summary>As of <see cref="ControlCondition.GuessMode"/>.</summary>
    public bool GuessMode { get; init; }
}
