using Brownian.Diffusion.Noise;
using Brownian.Diffusion.State;

namespace Brownian.Benchmarks;

/// <summary>Noise without any cost, so that only the step itself is measured.</summary>
internal sealed class SilentNoise : INoiseGenerator
{
    public ulong Seed => 0;

    public NoiseDtype Dtype => NoiseDtype.Float32;

    public void FillNormal(Span<float> destination)
    {
    }

    public void FillNormal(Span<float> destination, NoiseDtype dtype)
    {
    }

    public void Save(StateWriter writer) => throw new NotSupportedException();

    public void Restore(StateReader reader) => throw new NotSupportedException();
}
