using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Schedules;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// The common base of the samplers of distilled latent consistency models: the timesteps are spread evenly over the grid that the distillation used
/// (Luo et al. 2023, arXiv 2310.04378, section 4.3).
/// </summary>
public abstract class ConsistencyDistilledScheduler : Scheduler
{
    /// <param name="config">Settings of the class.</param>
    protected ConsistencyDistilledScheduler(SchedulerConfig config)
        : base(config)
    {
        Schedule = TrainingSchedule.Create(config);
        Prediction = PredictionTypeOption.Read(config);
    }

    /// <inheritdoc/>
    public override bool TakesTimesteps => true;

    /// <summary>The options of these classes.</summary>
    protected static IReadOnlyList<SchedulerOption> Options =>
    [
        .. SchedulerOptions.Betas(0.00085, 0.012, "scaled_linear"),
        SchedulerOption.Integer("original_inference_steps", 50, 1, 100_000),
        .. SchedulerOptions.Clipping(false),
        SchedulerOptions.SetAlphaToOne(true),
        SchedulerOptions.PredictionType(),
        .. SchedulerOptions.Thresholding,
        .. SchedulerOptions.Spacing("leading"),
        SchedulerOption.Number("timestep_scaling", 10, 0),
        SchedulerOptions.ZeroTerminalSnr,
    ];

    /// <summary>The schedule that the model was trained with.</summary>
    private protected NoiseSchedule Schedule { get; }

    /// <summary>The quantity that the model predicts.</summary>
    private protected PredictionType Prediction { get; }

    /// <summary>Whether every training timestep is on the grid of a run with explicit original steps.</summary>
    protected abstract bool NamedGridIsWhole { get; }

    /// <summary>
    /// Whether the next evaluation is the run's last one as the reference counts. It counts custom timesteps before the cut by strength, so a run
    /// that was cut has no last evaluation.
    /// </summary>
    protected bool IsLast => StepIndex == (Run.Timesteps?.Count ?? Run.Steps!.Value) - 1;

    /// <inheritdoc/>
    public override void AddNoise(ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination, int index) =>
        Schedule.Diffuse((int)Timesteps[index], original, noise, destination);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options)
    {
        int train = Schedule.Length;
        int original = options.OriginalInferenceSteps ?? Config.Integer("original_inference_steps");
        bool whole = options.OriginalInferenceSteps is not null && NamedGridIsWhole;
        string field = options.OriginalInferenceSteps is null ? "scheduler.original_inference_steps" : "original_inference_steps";
        if (original < 1 || (original > train && !whole))
        {
            throw new FieldFaultException(field, original, $"1..{train}");
        }
        if (options.Timesteps is { } given)
        {
            int kept = Math.Min((int)(given.Count * options.Strength), given.Count);
            RequireSome(kept, options, given.Count);
            return ([.. given.Skip(given.Count - kept).Select(t => (float)Math.Truncate(t))], []);
        }
        int steps = options.Steps!.Value;
        // Timesteps k - 1, 2 k - 1, ... of T / k. Strength keeps the lower part.
        int stride = whole ? 1 : train / original;
        int grid = (int)((whole ? train : original) * options.Strength);
        if (steps > original)
        {
            throw new FieldFaultException("steps", steps, $"at most {original} (original_inference_steps)");
        }
        if (steps > grid)
        {
            throw new FieldFaultException(
                "steps", steps,
                string.Create(CultureInfo.InvariantCulture, $"at most {grid}, the original_inference_steps times strength {options.Strength}"));
        }
        var timesteps = new float[steps];
        double skip = (double)grid / steps;
        for (int i = 0; i < steps; i++)
        {
            int place = grid - (int)Math.Floor(i * skip);
            timesteps[i] = place * stride - 1;
        }
        return (timesteps, []);
    }

    private static void RequireSome(int kept, SamplingOptions options, int count)
    {
        if (kept == 0)
        {
            throw new FieldFaultException("strength", options.Strength, $"at least 1/{count} with {count} timesteps");
        }
    }
}
