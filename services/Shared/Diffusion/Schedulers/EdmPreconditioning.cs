using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Schedulers;

/// <summary>The preconditioned model and the sigmas of Karras et al. 2022, arXiv 2206.00364, section 5, table 1.</summary>
/// <param name="config">A configuration with <see cref="Options"/>.</param>
internal sealed class EdmPreconditioning(SchedulerConfig config)
{
    private const int Block = 16;

    private readonly float _dataVariance = (float)(config.Number("sigma_data") * config.Number("sigma_data"));
    private readonly float _data = (float)config.Number("sigma_data");
    private readonly bool _velocity = config.Choice("prediction_type") == "v_prediction";

    public static IReadOnlyList<SchedulerOption> Options =>
    [
        SchedulerOptions.Sigma("sigma_min", 0.002, 1e-9),
        SchedulerOptions.Sigma("sigma_max", 80.0, 1e-9),
        SchedulerOptions.Sigma("sigma_data", 0.5, 1e-9),
        SchedulerOption.Choice("sigma_schedule", "karras", "karras", "exponential"),
        SchedulerOptions.TrainTimesteps(1000),
        SchedulerOptions.PredictionType("epsilon", "v_prediction"),
        SchedulerOptions.Rho,
        SchedulerOptions.FinalSigmas,
    ];

    public static void Check(SchedulerConfig config)
    {
        if (config.Number("sigma_min") >= config.Number("sigma_max"))
        {
            throw config.Refuse("sigma_min", string.Create(CultureInfo.InvariantCulture, $"below sigma_max, {config.Number("sigma_max")}"));
        }
    }

    public static float InitNoiseSigma(SchedulerConfig config)
    {
        double largest = config.Number("sigma_max");
        return (float)Math.Sqrt(largest * largest + 1);
    }

    /// <summary>c_noise = ln(σ) / 4 of every sigma.</summary>
    public static float[] Timesteps(ReadOnlySpan<float> sigmas)
    {
        var timesteps = new float[sigmas.Length];
        for (int i = 0; i < sigmas.Length; i++)
        {
            timesteps[i] = 0.25f * Elementary.TorchLog(sigmas[i]);
        }
        return timesteps;
    }

    /// <summary>Evenly spaced logarithms in float32, as both classes use them.</summary>
    public static float[] Exponential(SchedulerConfig config, int steps)
    {
        float[] sigmas = Linspace.Torch((float)Math.Log(config.Number("sigma_min")), (float)Math.Log(config.Number("sigma_max")), steps);
        for (int i = 0; i < steps; i++)
        {
            sigmas[i] = Elementary.TorchExp(sigmas[i]);
        }
        Array.Reverse(sigmas);
        return sigmas;
    }

    /// <summary>Equation 5 in float64.</summary>
    public static float[] Karras(SchedulerConfig config, int steps) =>
        [.. SigmaSpacing.Karras(config.Number("sigma_min"), config.Number("sigma_max"), steps, config.Number("rho")).Select(sigma => (float)sigma)];

    /// <summary>
    /// Equation 5 in float32, as the multistep class computes it: torch computes powers sixteen at a time, and the rest with the C library.
    /// </summary>
    public static float[] KarrasSingle(SchedulerConfig config, int steps)
    {
        double rho = config.Number("rho");
        double low = Math.Pow(config.Number("sigma_min"), 1 / rho), high = Math.Pow(config.Number("sigma_max"), 1 / rho);
        float[] sigmas = Linspace.Torch(0, 1, steps);
        for (int i = 0; i < steps; i++)
        {
            float root = (float)high + sigmas[i] * (float)(low - high);
            if (!(root > 0))
            {
                throw config.Refuse(
                    "sigma_min",
                    string.Create(CultureInfo.InvariantCulture, $"nearer to sigma_max, {config.Number("sigma_max")}: float32 rounds it"));
            }
            sigmas[i] = i < steps / Block * Block ? Elementary.TorchPow(root, (float)rho) : MathF.Pow(root, (float)rho);
        }
        return sigmas;
    }

    /// <summary>c_in x.</summary>
    public void ScaleInput(ReadOnlySpan<float> sample, float sigma, Span<float> destination) =>
        LinearCombination.Of(1 / MklSquareRoot.Of(sigma * sigma + _dataVariance), sample, destination);

    /// <summary>D = c_skip x + c_out F; with v predictions c_out has the opposite sign.</summary>
    public void Denoise(ReadOnlySpan<float> output, ReadOnlySpan<float> sample, float sigma, Span<float> destination)
    {
        float square = sigma * sigma + _dataVariance;
        float skip = 1 / square * _dataVariance;
        float weight = (_velocity ? -sigma : sigma) * _data / MklSquareRoot.Of(square);
        LinearCombination.Of(skip, sample, weight, output, destination);
    }
}
