using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Configuration;

/// <summary>Options that several scheduler classes share, with the reference's names and limits.</summary>
internal static class SchedulerOptions
{
    /// <summary>The options of the noise schedule that the model was trained with.</summary>
    /// <param name="start">The default of <c>beta_start</c>.</param>
    /// <param name="end">The default of <c>beta_end</c>.</param>
    /// <param name="schedule">The default of <c>beta_schedule</c>.</param>
    /// <param name="more">Schedules that the class supports in addition to the three common ones.</param>
    public static IReadOnlyList<SchedulerOption> Betas(double start, double end, string schedule = "linear", params IReadOnlyList<string> more) =>
    [
        TrainTimesteps(1000),
        SchedulerOption.Number("beta_start", start, 0, 1),
        SchedulerOption.Number("beta_end", end, 0, 1),
        SchedulerOption.Choice("beta_schedule", schedule, ["linear", "scaled_linear", "squaredcos_cap_v2", .. more]),
        SchedulerOption.Numbers("trained_betas", null) with { Minimum = 0, Maximum = 1 },
    ];

    /// <summary>The number of training timesteps.</summary>
    public static SchedulerOption TrainTimesteps(int value) => SchedulerOption.Integer("num_train_timesteps", value, 2, 100_000);

    /// <summary>The option for the quantity that the model predicts.</summary>
    public static SchedulerOption PredictionType(params IReadOnlyList<string> words) =>
        SchedulerOption.Choice("prediction_type", "epsilon", words.Count == 0 ? ["epsilon", "sample", "v_prediction"] : words);

    /// <summary>The options for the spacing of a run's timesteps.</summary>
    public static IReadOnlyList<SchedulerOption> Spacing(string spacing) =>
    [
        SchedulerOption.Choice("timestep_spacing", spacing, TimestepSpacing.Names),
        StepsOffset,
    ];

    /// <summary>The offset that is added to every timestep of the leading spacing.</summary>
    public static SchedulerOption StepsOffset { get; } = SchedulerOption.Integer("steps_offset", 0, 0, 100_000);

    /// <summary>The options for the spacing of a run's sigmas; at most one may be set.</summary>
    public static IReadOnlyList<SchedulerOption> SigmaSpacings { get; } =
    [
        SchedulerOption.Flag("use_karras_sigmas", false),
        SchedulerOption.Flag("use_exponential_sigmas", false),
        SchedulerOption.Flag("use_beta_sigmas", false),
    ];

    /// <summary>A noise level whose square is within the range of float32.</summary>
    /// <param name="name">The field's name.</param>
    /// <param name="value">The default.</param>
    /// <param name="minimum">The smallest allowed level.</param>
    public static SchedulerOption Sigma(string name, double? value, double minimum) => SchedulerOption.Number(name, value, minimum, 1e15);

    /// <summary>
    /// The exponent ρ of Karras's sigmas, with a range in which roots and powers of a <see cref="Sigma"/> are within the range of float32.
    /// </summary>
    public static SchedulerOption Rho { get; } = SchedulerOption.Number("rho", 7.0, 0.5, 1000);

    /// <summary>The shift s of flow-matching sigmas.</summary>
    /// <param name="name">The field's name, which differs between classes.</param>
    public static SchedulerOption Shift(string name) => SchedulerOption.Number(name, 1.0, 1e-6, 1e6);

    /// <summary>Flow-matching sigmas in a scheduler that was designed for noise schedules.</summary>
    public static IReadOnlyList<SchedulerOption> FlowSigmas { get; } =
    [
        SchedulerOption.Flag("use_flow_sigmas", false),
        Shift("flow_shift"),
    ];

    /// <summary>Shifting that depends on the image's size.</summary>
    public static IReadOnlyList<SchedulerOption> DynamicShifting { get; } =
    [
        SchedulerOption.Flag("use_dynamic_shifting", false),
        SchedulerOption.Choice("time_shift_type", "exponential", "exponential", "linear"),
    ];

    /// <summary>Dynamic thresholding (Saharia et al. 2022, arXiv 2205.11487, section 2.3).</summary>
    public static IReadOnlyList<SchedulerOption> Thresholding { get; } =
    [
        SchedulerOption.Flag("thresholding", false),
        SchedulerOption.Number("dynamic_thresholding_ratio", 0.995, 0, 1),
        SchedulerOption.Number("sample_max_value", 1.0, 0),
    ];

    /// <summary>Clipping of the predicted sample.</summary>
    public static IReadOnlyList<SchedulerOption> Clipping(bool clip) =>
    [
        SchedulerOption.Flag("clip_sample", clip),
        SchedulerOption.Number("clip_sample_range", 1.0, 0),
    ];

    /// <summary>Rescaling of the noise schedule to a last timestep of pure noise.</summary>
    public static SchedulerOption ZeroTerminalSnr { get; } = SchedulerOption.Flag("rescale_betas_zero_snr", false);

    /// <summary>Whether ᾱ before the first timestep is 1 or ᾱ_0.</summary>
    public static SchedulerOption SetAlphaToOne(bool value) => SchedulerOption.Flag("set_alpha_to_one", value);

    /// <summary>The last sigma of a run.</summary>
    public static SchedulerOption FinalSigmas { get; } = SchedulerOption.Choice("final_sigmas_type", "zero", "zero", "sigma_min");
}
