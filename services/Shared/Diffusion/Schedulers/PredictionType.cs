namespace Brownian.Diffusion.Schedulers;

/// <summary>The quantity that a model predicts: the option <c>prediction_type</c>.</summary>
internal enum PredictionType
{
    /// <summary>ε (<c>epsilon</c>).</summary>
    Noise,

    /// <summary>x0 (<c>sample</c>, in one class also <c>original_sample</c>).</summary>
    Image,

    /// <summary>v = α ε - σ x0 (<c>v_prediction</c>).</summary>
    Velocity,

    /// <summary>ε - x0 of flow matching (<c>flow_prediction</c>).</summary>
    Flow,
}

/// <summary>Reads <see cref="PredictionType"/> from a configuration.</summary>
internal static class PredictionTypeOption
{
    public static PredictionType Read(SchedulerConfig config) => config.Choice("prediction_type") switch
    {
        "epsilon" => PredictionType.Noise,
        "sample" or "original_sample" => PredictionType.Image,
        "v_prediction" => PredictionType.Velocity,
        "flow_prediction" => PredictionType.Flow,
        string other => throw new ArgumentOutOfRangeException(nameof(config), other, "Unknown prediction_type"),
    };
}
