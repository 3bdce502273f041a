
namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// <see cref="DdpmScheduler"/> that can also step many timesteps of one trajectory at once (ParaDiGMS, Shih et al. 2023, arXiv 2305.16317;
/// <c>scheduling_ddpm_parallel.py</c>).
/// </summary>
public sealed class DdpmParallelScheduler : DdpmScheduler
{
    private readonly PredictedVariance _split = new();

    /// <param name="config">Settings of this class.</param>
    public DdpmParallelScheduler(SchedulerConfig config)
        : base(config)
    {
    }

    /// <summary>The descriptor of this class.</summary>
    public static new SchedulerDescriptor Descriptor { get; } = new(
        "DDPMParallelScheduler", "DDPM that can step many timesteps at once", config => new DdpmParallelScheduler(config), Options);

    /// <summary>Computes the mean of one step of every sample from its own timestep, without noise. Does not advance the run.</summary>
    /// <param name="modelOutput">[timesteps, ...], twice as long when the model also predicts variances.</param>
    /// <param name="timesteps">Timesteps, each in 0..T-1.</param>
    /// <param name="samples">[timesteps, ...]; changed in place.</param>
    /// <exception cref="ArgumentException">The lengths do not fit.</exception>
    public void BatchStepWithoutNoise(ReadOnlySpan<float> modelOutput, ReadOnlySpan<int> timesteps, Span<float> samples)
    {
        ReadOnlySpan<float> prediction =
            modelOutput.Length == 2 * samples.Length ? _split.Split(modelOutput, samples.Length, timesteps.Length) : modelOutput;
        int length = SampleBatch.Length(prediction, timesteps, samples);
        int stride = AlphasCumulative.Length / (Run.Steps ?? AlphasCumulative.Length);
        for (int i = 0; i < timesteps.Length; i++)
        {
            int previous = timesteps[i] - stride;
            float alpha = AlphasCumulative[timesteps[i]], previousAlpha = previous >= 0 ? AlphasCumulative[previous] : 1;
            Move(alpha, previousAlpha, prediction.Slice(i * length, length), samples.Slice(i * length, length), 1);
        }
    }
}
