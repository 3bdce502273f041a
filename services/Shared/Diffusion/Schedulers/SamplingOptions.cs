namespace Brownian.Diffusion.Schedulers;

/// <summary>What one run of a scheduler is asked for.</summary>
public sealed record SamplingOptions
{
    /// <summary>The number of steps; null where <see cref="Timesteps"/> or <see cref="Sigmas"/> say them.</summary>
    public int? Steps { get; init; }

    /// <summary>Timesteps to visit instead of a number of steps, decreasing; for the classes that take them.</summary>
    public IReadOnlyList<double>? Timesteps { get; init; }

    /// <summary>Sigmas to visit instead of a number of steps, decreasing; for the classes that take them.</summary>
    public IReadOnlyList<double>? Sigmas { get; init; }

    /// <summary>The shift of flow-matching schedules that depend on the picture's size (<c>use_dynamic_shifting</c>).</summary>
    public double? Mu { get; init; }

    /// <summary>The grid of the distillation for LCM and TCD; null for the configuration's.</summary>
    public int? OriginalInferenceSteps { get; init; }

    /// <summary>The share of the schedule that LCM and TCD take their steps from, above 0 and up to 1.</summary>
    public double Strength { get; init; } = 1;

    /// <summary>η: how much noise DDIM-like steps add; null for the class's own default.</summary>
    public double? Eta { get; init; }

    /// <summary>How many images lie one after the other in the sample.</summary>
    public int Images { get; init; } = 1;
}
