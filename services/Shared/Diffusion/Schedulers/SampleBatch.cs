namespace Brownian.Diffusion.Schedulers;

/// <summary>Samples of several timesteps that lie one after the other.</summary>
internal static class SampleBatch
{
    /// <summary>The length of one sample, after checking that all lengths fit.</summary>
    /// <exception cref="ArgumentException">They do not.</exception>
    public static int Length(ReadOnlySpan<float> modelOutput, ReadOnlySpan<int> timesteps, ReadOnlySpan<float> samples)
    {
        if (timesteps.IsEmpty || samples.Length % timesteps.Length != 0)
        {
            throw new ArgumentException($"{samples.Length} elements are not divisible by {timesteps.Length} timesteps", nameof(samples));
        }
        if (modelOutput.Length != samples.Length)
        {
            throw new ArgumentException($"The model's output has {modelOutput.Length} elements for samples of {samples.Length}", nameof(modelOutput));
        }
        return samples.Length / timesteps.Length;
    }
}
