using BenchmarkDotNet.Attributes;
using Brownian.Diffusion.Noise;

namespace Brownian.Benchmarks;

/// <summary>The time to draw 4x64x64 numbers.</summary>
[MemoryDiagnoser]
public class NoiseBenchmarks
{
    private readonly float[] _noise = new float[4 * 64 * 64];
    private readonly TorchCpuGenerator _torchCpu = new(0);
    private readonly TorchCpuGenerator _half = new(0, NoiseDtype.Float16);
    private readonly PhiloxGenerator _philox = new(0);

    /// <summary>PyTorch's CPU generator in float32.</summary>
    [Benchmark(Baseline = true)]
    public void TorchCpu() => _torchCpu.FillNormal(_noise);

    /// <summary>PyTorch's CPU generator in float16.</summary>
    [Benchmark]
    public void TorchCpuFloat16() => _half.FillNormal(_noise);

    /// <summary>Philox.</summary>
    [Benchmark]
    public void TorchCuda() => _philox.FillNormal(_noise);
}
