using Brownian.Inference.Engines;

namespace Brownian.Cli.Output;

/// <summary>Shows on standard error how far a request is.</summary>
internal interface IGenerationProgress : IProgress<DenoiseProgress>, IDisposable
{
    /// <summary>Says what the request is at while no step is made.</summary>
    /// <param name="what">For example "waiting for a worker".</param>
    void Wait(string what);
}

/// <summary>Shows nothing.</summary>
internal sealed class NoProgress : IGenerationProgress
{
    public void Report(DenoiseProgress value)
    {
    }

    public void Wait(string what)
    {
    }

    public void Dispose()
    {
    }
}
