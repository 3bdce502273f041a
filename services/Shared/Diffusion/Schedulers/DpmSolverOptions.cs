using Brownian.Diffusion.Configuration;

namespace Brownian.Diffusion.Schedulers;

/// <summary>Options that the classes of the DPM-Solver family share, with the words that they accept from each other's configurations.</summary>
internal static class DpmSolverOptions
{
    public static SchedulerOption PredictionType => SchedulerOptions.PredictionType("epsilon", "sample", "v_prediction", "flow_prediction");

    public static SchedulerOption SolverType => SchedulerOption.Choice("solver_type", "midpoint", "midpoint", "heun") with
    {
        Aliases = new Dictionary<string, string> { ["logrho"] = "midpoint", ["bh1"] = "midpoint", ["bh2"] = "midpoint" },
    };

    public static SchedulerOption SolverOrder => SchedulerOption.Integer("solver_order", 2, 1, 3);

    public static SchedulerOption LowerOrderFinal(bool value) => SchedulerOption.Flag("lower_order_final", value);

    public static SchedulerOption EulerAtFinal => SchedulerOption.Flag("euler_at_final", false);

    public static SchedulerOption LuLambdas => SchedulerOption.Flag("use_lu_lambdas", false);

    public static SchedulerOption LambdaMinClipped => SchedulerOption.Number("lambda_min_clipped", double.NegativeInfinity, double.NegativeInfinity);

    public static SchedulerOption VarianceType => SchedulerOption.Choice("variance_type", null, "learned", "learned_range");

    public static SchedulerOption AlgorithmType(params IReadOnlyList<string> words) =>
        SchedulerOption.Choice("algorithm_type", "dpmsolver++", words) with
        {
            Aliases = new Dictionary<string, string> { ["deis"] = "dpmsolver++" },
        };

    /// <summary>Returns what the algorithm combines: images for the "++" variants, noises for the others.</summary>
    public static PredictionTarget Target(SchedulerConfig config) =>
        config.Choice("algorithm_type").EndsWith("++", StringComparison.Ordinal) ? PredictionTarget.Image : PredictionTarget.Noise;

    /// <summary>Returns whether the algorithm adds noise at every step, which the "sde" variants do.</summary>
    public static bool IsStochastic(SchedulerConfig config) => config.Choice("algorithm_type").StartsWith("sde", StringComparison.Ordinal);

    /// <summary>Rejects what the reference cannot compute: an ε method with a final sigma of 0, flow predictions as ε, third-order noise.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="thirdOrderNoise">Whether the class supports the third order of <c>sde-dpmsolver++</c>.</param>
    public static void Check(SchedulerConfig config, bool thirdOrderNoise)
    {
        SpacedSigmas.RequireOne(config);
        string algorithm = config.Choice("algorithm_type");
        bool images = Target(config) == PredictionTarget.Image;
        if (!images && config.HasWord("final_sigmas_type", "zero"))
        {
            throw config.Refuse("final_sigmas_type", $"sigma_min with algorithm_type {algorithm}");
        }
        if (!images && config.Choice("prediction_type") == "flow_prediction")
        {
            throw config.Refuse("prediction_type", $"epsilon, sample, v_prediction with algorithm_type {algorithm}");
        }
        if (config.Integer("solver_order") > 2 && IsStochastic(config) && !(thirdOrderNoise && images))
        {
            throw config.Refuse("solver_order", $"1, 2 with algorithm_type {algorithm}");
        }
    }
}
