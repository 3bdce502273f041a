using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// The state that methods with two evaluations per step keep between the first and the second: the sample before the step, and a slope for Heun's
/// method.
/// </summary>
internal sealed class EvaluationPair
{
    private float[] _sample = [];
    private float[] _slope = [];

    /// <summary>The sample before the step.</summary>
    public ReadOnlySpan<float> Sample => _sample;

    /// <summary>The first evaluation's slope.</summary>
    public Span<float> Slope => _slope;

    /// <summary>Returns whether the next evaluation is the second one of a step.</summary>
    public static bool IsSecond(Scheduler scheduler) => (scheduler.StepIndex - scheduler.BeginIndex) % 2 == 1;

    /// <summary>Stores the sample.</summary>
    public void Keep(ReadOnlySpan<float> sample, bool withSlope = false)
    {
        if (_sample.Length != sample.Length)
        {
            _sample = new float[sample.Length];
            _slope = withSlope ? new float[sample.Length] : [];
        }
        sample.CopyTo(_sample);
    }

    /// <summary>Writes the state, which is empty between two steps.</summary>
    public void Save(Scheduler scheduler, StateWriter writer)
    {
        if (IsSecond(scheduler))
        {
            writer.Write((ReadOnlySpan<float>)_sample);
            writer.Write((ReadOnlySpan<float>)_slope);
        }
    }

    /// <summary>Reads the state that <see cref="Save"/> wrote for a scheduler at the same evaluation.</summary>
    public void Restore(Scheduler scheduler, StateReader reader)
    {
        if (IsSecond(scheduler))
        {
            _sample = reader.ReadSingles();
            _slope = reader.ReadSingles();
            if (_slope.Length != 0 && _slope.Length != _sample.Length)
            {
                throw new InvalidDataException($"Saved slope has {_slope.Length} elements, the sample {_sample.Length}");
            }
        }
    }
}
