
namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// <see cref="DdimScheduler"/> that can also step many timesteps of one trajectory at once (ParaDiGMS, Shih et al. 2023, arXiv 2305.16317;
/// <c>scheduling_ddim_parallel.py</c>).
/// </summary>
public sealed class DdimParallelScheduler : DdimScheduler
{
    /// <param name="config">Settings of this class.</param>
    public DdimParallelScheduler(SchedulerConfig config)
        : base(config)
    {
    }

    /// <summary>The descriptor of this class.</summary>
    public static new SchedulerDescriptor Descriptor { get; } = new(
        "DDIMParallelScheduler", "DDIM that can step many timesteps at once", config => new DdimParallelScheduler(config), Options);

    /// <summary>Makes one deterministic step of every sample from its own timestep. Does not advance the run.</summary>
    /// <param name="modelOutput">[timesteps, ...].</param>
    /// <param name="timesteps">Timesteps, each in 0..T-1.</param>
    /// <param name="samples">[timesteps, ...]; changed in place.</param>
    /// <exception cref="ArgumentException">The lengths do not fit.</exception>
    public void BatchStepWithoutNoise(ReadOnlySpan<float> modelOutput, ReadOnlySpan<int> timesteps, Span<float> samples)
    {
        int length = SampleBatch.Length(modelOutput, timesteps, samples);
        for (int i = 0; i < timesteps.Length; i++)
        {
            int previous = timesteps[i] - Stride;
            // The reference ends at ᾱ = 1 here, independent of set_alpha_to_one.
            float alpha = AlphasCumulative[timesteps[i]], previousAlpha = previous >= 0 ? AlphasCumulative[previous] : 1;
            Move(
                alpha, previousAlpha, 0, modelOutput.Slice(i * length, length), modelOutput.Slice(i * length, length),
                samples.Slice(i * length, length), 1);
        }
    }
}
