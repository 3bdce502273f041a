using Brownian.Jobs;
using Brownian.Jobs.Telemetry;

namespace Brownian.Gateway.Load;

/// <summary>Reads the platform's load for the metrics of this gateway.</summary>
/// <param name="load">The load.</param>
/// <param name="telemetry">Reports the load.</param>
public sealed class LoadReporter(PlatformLoad load, PlatformTelemetry telemetry) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every);
        try
        {
            do
            {
                telemetry.Load = await TryReadAsync(stoppingToken);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // The gateway stops.
        }
        telemetry.Load = null;
    }

    /// <summary>Returns null while a server cannot be reached: an old load would be taken for the current one.</summary>
    private async Task<LoadSnapshot?> TryReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await load.SnapshotAsync(cancellationToken);
        }
        catch (PlatformUnavailableException)
        {
            return null;
        }
    }
}
