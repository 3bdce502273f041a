using System.Numerics.Tensors;
using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Numerics;
using Brownian.Diffusion.Schedules;
using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// Pseudo numerical methods (Liu et al. 2022, arXiv 2202.09778; <c>scheduling_pndm.py</c>): a linear multistep method that starts either with
/// Runge-Kutta steps of four evaluations or, with <c>skip_prk_steps</c>, with one step that is evaluated twice.
/// </summary>
public sealed class PndmScheduler : Scheduler
{
    private const int HighestOrder = 4;

    private readonly NoiseSchedule _schedule;
    private readonly History _outputs = new(HighestOrder);
    private readonly float _finalAlpha;
    private readonly bool _velocity;
    private readonly bool _skipRungeKutta;
    private float[] _start = [];
    private float[] _weighted = [];
    private float[] _combined = [];
    private int _rungeKuttaEvaluations;
    private int _stride;

    /// <param name="config">Settings of this class.</param>
    public PndmScheduler(SchedulerConfig config)
        : base(config)
    {
        _schedule = TrainingSchedule.Create(config);
        _finalAlpha = config.Flag("set_alpha_to_one") ? 1 : _schedule.AlphasCumulative[0];
        _velocity = config.Choice("prediction_type") == "v_prediction";
        _skipRungeKutta = config.Flag("skip_prk_steps");
    }

    /// <summary>The descriptor of this class.</summary>
    public static SchedulerDescriptor Descriptor { get; } = new(
        "PNDMScheduler",
        "Pseudo linear multistep method of order 4, started with Runge-Kutta steps or without (PLMS)",
        config => new PndmScheduler(config),
        [
            .. SchedulerOptions.Betas(0.0001, 0.02),
            SchedulerOption.Flag("skip_prk_steps", false),
            SchedulerOptions.SetAlphaToOne(false),
            SchedulerOptions.PredictionType("epsilon", "v_prediction"),
            .. SchedulerOptions.Spacing("leading"),
        ]);

    /// <inheritdoc/>
    public override int MinimumSteps => _skipRungeKutta ? 1 : HighestOrder;

    /// <summary>The number of evaluations of this run so far. It differs from the position in the list when a run starts in the middle.</summary>
    private int Made => StepIndex - BeginIndex;

    /// <inheritdoc/>
    public override void AddNoise(ReadOnlySpan<float> original, ReadOnlySpan<float> noise, Span<float> destination, int index) =>
        _schedule.Diffuse((int)Timesteps[index], original, noise, destination);

    /// <inheritdoc/>
    protected override (float[] Timesteps, float[] Sigmas) Plan(SamplingOptions options)
    {
        int steps = options.Steps!.Value;
        _stride = _schedule.Length / steps;
        float[] spaced = TrainingSchedule.WholeTimesteps(Config, steps);
        if (_skipRungeKutta)
        {
            _rungeKuttaEvaluations = 0;
            // The second timestep occurs twice, because the first step is evaluated at both ends.
            return (spaced.Length < 2 ? spaced : [spaced[0], spaced[1], .. spaced[1..]], []);
        }
        // Three steps of four evaluations between the first four timesteps: at the start, twice in the middle, at the end.
        float half = _stride / 2;
        float[] rungeKutta =
        [
            .. Enumerable.Range(0, 3).SelectMany(i => (float[])[spaced[i], spaced[i + 1] + half, spaced[i + 1] + half, spaced[i + 1]]),
        ];
        _rungeKuttaEvaluations = rungeKutta.Length;
        return ([.. rungeKutta, .. spaced[3..]], []);
    }

    /// <inheritdoc/>
    protected override void Reset() => _outputs.Clear();

    /// <inheritdoc/>
    protected override void Advance(ReadOnlySpan<float> modelOutput, Span<float> sample, INoiseGenerator noise)
    {
        if (_start.Length != sample.Length)
        {
            _start = new float[sample.Length];
            _weighted = new float[sample.Length];
            _combined = new float[sample.Length];
        }
        if (Made < _rungeKuttaEvaluations)
        {
            RungeKutta(modelOutput, sample);
        }
        else
        {
            Multistep(modelOutput, sample);
        }
    }

    /// <inheritdoc/>
    protected override void SaveHistory(StateWriter writer)
    {
        _outputs.Save(writer);
        writer.Write((ReadOnlySpan<float>)_start);
        writer.Write((ReadOnlySpan<float>)_weighted);
    }

    /// <inheritdoc/>
    protected override void RestoreHistory(StateReader reader)
    {
        _outputs.Restore(reader, StepIndex - BeginIndex);
        _start = reader.ReadSingles();
        _weighted = reader.ReadSingles();
        _combined = new float[_start.Length];
        if (_weighted.Length != _start.Length)
        {
            throw new InvalidDataException($"Saved Runge-Kutta sum has {_weighted.Length} elements, the sample {_start.Length}");
        }
    }

    /// <summary>Equation 13: the sum of the outputs weighted with 1, 2, 2, 1, divided by 6.</summary>
    private void RungeKutta(ReadOnlySpan<float> output, Span<float> sample)
    {
        int stage = Made % 4;
        int timestep = (int)Timesteps[Made / 4 * 4];
        int previous = (int)Timestep - (stage % 2 == 0 ? _stride / 2 : 0);
        ReadOnlySpan<float> used = output;
        switch (stage)
        {
            case 0:
                LinearCombination.Of(1f / 6, output, _weighted);
                output.CopyTo(_outputs.Push(output.Length));
                sample.CopyTo(_start);
                break;
            case 1 or 2:
                LinearCombination.Of(1, _weighted, 1f / 3, output, _weighted);
                break;
            default:
                LinearCombination.Of(1, _weighted, 1f / 6, output, _combined);
                used = _combined;
                break;
        }
        Transfer(_start, used, timestep, previous, sample);
    }

    private void Multistep(ReadOnlySpan<float> output, Span<float> sample)
    {
        int timestep = (int)Timestep, previous = timestep - _stride;
        if (Made == 1)
        {
            // Repeats the first step with the mean of the outputs at its two ends.
            LinearCombination.Of(0.5f, output, 0.5f, _outputs[0], _combined);
            Transfer(_start, _combined, timestep + _stride, timestep, sample);
            return;
        }
        if (Made == 0)
        {
            sample.CopyTo(_start);
        }
        output.CopyTo(_outputs.Push(output.Length));
        AdamsBashforth.Combine(_outputs, _combined);
        Transfer(sample, _combined, timestep, previous, sample);
    }

    /// <summary>Equation 11: a step from one timestep to another with one slope.</summary>
    private void Transfer(ReadOnlySpan<float> from, ReadOnlySpan<float> output, int timestep, int previousTimestep, Span<float> destination)
    {
        float alpha = _schedule.AlphasCumulative[timestep];
        float previous = previousTimestep >= 0 ? _schedule.AlphasCumulative[previousTimestep] : _finalAlpha;
        float beta = 1 - alpha;
        float scale = MklSquareRoot.Of(previous / alpha);
        float denominator = alpha * MklSquareRoot.Of(1 - previous) + MklSquareRoot.Of(alpha * beta * previous);
        if (_velocity)
        {
            LinearCombination.Of(MklSquareRoot.Of(alpha), output, MklSquareRoot.Of(beta), from, _combined);
            output = _combined;
        }
        LinearCombination.Of(previous - alpha, output, _combined);
        TensorPrimitives.Divide(_combined, denominator, _combined);
        LinearCombination.Of(scale, from, -1, _combined, destination);
    }
}
