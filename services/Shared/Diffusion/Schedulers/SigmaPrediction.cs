namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// What a model's output says about a sample x = x0 + σ n in the variance-exploding form, as weights of the sample and of the output
/// (Karras et al. 2022, arXiv 2206.00364, table 1).
/// </summary>
internal static class SigmaPrediction
{
    /// <summary>x0.</summary>
    /// <param name="prediction">The option <c>prediction_type</c>.</param>
    /// <param name="sigma">σ of the evaluation.</param>
    public static (float Sample, float Output) Denoised(string prediction, float sigma) => prediction switch
    {
        "epsilon" => (1, -sigma),
        "v_prediction" => (1 / (sigma * sigma + 1), -sigma / MathF.Sqrt(sigma * sigma + 1)),
        _ => (0, 1),
    };

    /// <summary>dx/dσ = (x - x0) / σ, without the cancellation of computing it from x0.</summary>
    /// <param name="prediction">The option <c>prediction_type</c>.</param>
    /// <param name="sigma">σ of the evaluation, above 0.</param>
    public static (float Sample, float Output) Slope(string prediction, float sigma) => prediction switch
    {
        "epsilon" => (0, 1),
        "v_prediction" => (sigma / (sigma * sigma + 1), 1 / MathF.Sqrt(sigma * sigma + 1)),
        _ => (1 / sigma, -1 / sigma),
    };
}
