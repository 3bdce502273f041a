namespace Brownian.Diffusion.Schedulers;

/// <summary>Samples of several timesteps, stored one after the other.</summary>
internal static class SampleBatch
{
    /// <summary>Checks that all lengths fit, and returns the length of one sample.</summary>
    /// <exception cref="ArgumentException">The lengths do not fit.</exception>
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
