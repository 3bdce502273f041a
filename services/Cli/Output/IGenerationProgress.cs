using Brownian.Inference.Engines;

namespace Brownian.Cli.Output;

/// <summary>Shows the progress of a request on standard error.</summary>
internal interface IGenerationProgress : IProgress<DenoiseProgress>, IDisposable
{
    /// <summary>Shows what the request waits for while no step runs.</summary>
    /// <param name="what">For example "waiting for a worker".</param>
    void Wait(string what);

    /// <summary>Shows the place of a job among those that wait.</summary>
    /// <param name="place">For example "waiting for a worker, 3 before it".</param>
    void ShowPlace(string place);
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

    public void ShowPlace(string place)
    {
    }

    public void Dispose()
    {
    }
}
