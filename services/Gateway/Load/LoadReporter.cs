using Brownian.Jobs;
using Brownian.Jobs.Telemetry;

namespace Brownian.Gateway.Load;

/// <summary>Reads the platform's load for the metrics of this gateway.</summary>
/// <param name="load">The load.</param>
/// <param name="telemetry">Reports the load.</param>
/// <param name="logger">Logs that the load cannot be read.</param>
public sealed partial class LoadReporter(PlatformLoad load, PlatformTelemetry telemetry, ILogger<LoadReporter> logger) : BackgroundService
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
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            telemetry.Load = null;
        }
    }

    /// <summary>Returns null while the load cannot be read: an old one would be taken for the current one.</summary>
    private async Task<LoadSnapshot?> TryReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await load.SnapshotAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // Metrics must not end the gateway.
            LoadUnknown(exception is PlatformUnavailableException unavailable ? unavailable.Details : exception.Message);
            return null;
        }
    }

    [LoggerMessage(EventId = 102, EventName = "LoadUnknown", Level = LogLevel.Warning,
        Message = "The load cannot be read, and its metrics are left out: {Details}")]
    private partial void LoadUnknown(string details);
}
