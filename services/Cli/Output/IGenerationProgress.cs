using Brownian.Inference.Engines;

namespace Brownian.Cli.Output;

/// <summary>Shows on standard error how far a request is.</summary>
internal interface IGenerationProgress : IProgress<DenoiseProgress>, IDisposable;

/// <summary>Shows nothing.</summary>
internal sealed class NoProgress : IGenerationProgress
{
    public void Report(DenoiseProgress value)
    {
    }

    public void Dispose()
    {
    }
}
