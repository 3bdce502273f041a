using Microsoft.Extensions.Hosting;

namespace Brownian.Scaling.Tests.Simulation;

/// <summary>The lifetime of a process that goes on.</summary>
internal sealed class NeverStops : IHostApplicationLifetime
{
    public CancellationToken ApplicationStarted => CancellationToken.None;

    public CancellationToken ApplicationStopping => CancellationToken.None;

    public CancellationToken ApplicationStopped => CancellationToken.None;

    public void StopApplication()
    {
    }
}
