namespace Brownian.Diffusion.Schedulers;

/// <summary>The options of one run of a scheduler.</summary>
public sealed record SamplingOptions
{
    /// <summary>The number of steps; null when <see cref="Timesteps"/> or <see cref="Sigmas"/> determine it.</summary>
    public int? Steps { get; init; }

    /// <summary>Decreasing timesteps to use instead of a number of steps, for classes that support them.</summary>
    public IReadOnlyList<double>? Timesteps { get; init; }

    /// <summary>Decreasing sigmas to use instead of a number of steps, for classes that support them.</summary>
    public IReadOnlyList<double>? Sigmas { get; init; }

    /// <summary>The shift of flow-matching schedules that depend on the image's size (<c>use_dynamic_shifting</c>).</summary>
    public double? Mu { get; init; }

    /// <summary>The grid of the distillation for LCM and TCD; null for the configuration's.</summary>
    public int? OriginalInferenceSteps { get; init; }

    /// <summary>The share of the schedule from which LCM and TCD select their steps, above 0 and up to 1.</summary>
    public double Strength { get; init; } = 1;

    /// <summary>η: the amount of noise that DDIM-like steps add; null for the class's default.</summary>
    public double? Eta { get; init; }

    /// <summary>The number of images in the sample, stored one after the other.</summary>
    public int Images { get; init; } = 1;
}
