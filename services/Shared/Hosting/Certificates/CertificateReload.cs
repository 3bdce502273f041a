using Brownian.Jobs.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Brownian.Hosting.Certificates;

/// <summary>
/// Reads the certificates' files again at an interval. Contents are compared rather than times, because Kubernetes replaces files by a symbolic link.
/// </summary>
/// <param name="certificates">The certificates.</param>
/// <param name="telemetry">Reports when the certificate expires.</param>
/// <param name="logger">Logs replaced and refused certificates, and those that expire soon.</param>
/// <param name="clock">The machine's clock.</param>
internal sealed class CertificateReload(
    ProcessCertificates certificates, PlatformTelemetry telemetry, ILogger<CertificateReload> logger, TimeProvider clock) : BackgroundService
{
    /// <summary>The interval.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>How long before a certificate expires a warning is logged.</summary>
    public static readonly TimeSpan WarningTime = TimeSpan.FromDays(14);

    private string? _refused;
    private CertificateSet? _warned;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (certificates.Files.IsEmpty)
        {
            return;
        }
        telemetry.CertificateExpiry = () => certificates.Current.Expires;
        using var timer = new PeriodicTimer(Interval, clock);
        try
        {
            do
            {
                Poll();
            }
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            // The process ends.
        }
    }

    /// <summary>Reads the files once.</summary>
    internal void Poll()
    {
        if (certificates.TryReload(out IReadOnlyList<FieldFault> faults))
        {
            PlatformLog.CertificatesReplaced(logger, certificates.Current.Own?.TargetCertificate.Thumbprint);
        }
        // The same faults are logged once, and again after valid files.
        string? refused = faults.Count == 0 ? null : string.Join("; ", faults);
        if (refused is not null && refused != _refused)
        {
            PlatformLog.CertificatesRefused(logger, refused);
        }
        _refused = refused;
        CertificateSet current = certificates.Current;
        if (current.Expires is { } expires && expires - clock.GetUtcNow() <= WarningTime && _warned != current)
        {
            _warned = current;
            PlatformLog.CertificateExpires(logger, certificates.Files.CertificateFile, expires);
        }
    }
}
