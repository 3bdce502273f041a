using System.Diagnostics.Metrics;
using Brownian.Hosting.Certificates;
using Brownian.Jobs.Telemetry;
using Brownian.Testing.Certificates;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Brownian.Hosting.Tests.Certificates;

/// <summary>What a process does and logs when its certificates change or expire.</summary>
public sealed class CertificateReloadTests : IDisposable
{
    private readonly TestAuthority _authority = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private readonly LogLines _lines = new();
    private readonly ServiceProvider _services;
    private CertificateFolder? _folder;

    public CertificateReloadTests() => _services = new ServiceCollection().AddMetrics().AddSingleton<PlatformTelemetry>()
        .AddLogging(logging => logging.SetMinimumLevel(LogLevel.Information).AddProvider(_lines)).BuildServiceProvider();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Changed_files_are_used_after_the_interval()
    {
        (ProcessCertificates certificates, CertificateReload reload) = Open(_authority.Issue());
        TestCertificate next = _authority.Issue();
        await reload.StartAsync(Stop);
        _folder!.Replace(next, _authority.Pem);

        await Eventually.TrueAsync(
            () =>
            {
                _time.Advance(CertificateReload.Interval);
                return Task.FromResult(certificates.Current.Own!.TargetCertificate.Thumbprint == next.Thumbprint);
            },
            "the new certificate is used");

        Assert.Contains(next.Thumbprint, Assert.Single(Of("CertificatesReplaced")), StringComparison.Ordinal);
        await reload.StopAsync(Stop);
    }

    [Fact]
    public void A_pair_that_does_not_match_is_logged_once_and_again_after_valid_files()
    {
        TestCertificate own = _authority.Issue(), other = _authority.Issue();
        (_, CertificateReload reload) = Open(own);

        _folder!.Replace(own with { Key = other.Key }, _authority.Pem);
        reload.Poll();
        reload.Poll();
        Assert.Contains("CertificateKeyFile: cannot be used", Assert.Single(Of("CertificatesRefused")), StringComparison.Ordinal);

        _folder.Replace(other, _authority.Pem);
        reload.Poll();
        _folder.Replace(own with { Key = other.Key }, _authority.Pem);
        reload.Poll();
        reload.Poll();
        Assert.Equal(2, Of("CertificatesRefused").Length);
        Assert.Single(Of("CertificatesReplaced"));
    }

    [Fact]
    public void A_certificate_that_expires_within_two_weeks_is_logged_once_until_it_is_replaced()
    {
        (_, CertificateReload reload) = Open(_authority.Issue(to: 20));
        reload.Poll();
        Assert.Empty(Of("CertificateExpires"));

        _time.Advance(TimeSpan.FromDays(7));
        reload.Poll();
        reload.Poll();
        Assert.Contains(_folder!.Certificate, Assert.Single(Of("CertificateExpires")), StringComparison.Ordinal);

        _folder.Replace(_authority.Issue(to: 60), _authority.Pem);
        reload.Poll();
        Assert.Single(Of("CertificateExpires"));
        _folder.Replace(_authority.Issue(to: 15), _authority.Pem);
        reload.Poll();
        Assert.Equal(2, Of("CertificateExpires").Length);
    }

    [Fact]
    public void An_expired_certificate_stays_until_it_is_replaced_by_a_valid_one()
    {
        TestCertificate own = _authority.Issue(to: 20), next = _authority.Issue(to: 60);
        (ProcessCertificates certificates, CertificateReload reload) = Open(own);

        _time.Advance(TimeSpan.FromDays(21));
        reload.Poll();
        Assert.Equal(own.Thumbprint, certificates.Current.Own!.TargetCertificate.Thumbprint);
        Assert.Empty(Of("CertificatesRefused"));

        _folder!.Replace(_authority.Issue(to: 19), _authority.Pem);
        reload.Poll();
        Assert.Equal(own.Thumbprint, certificates.Current.Own!.TargetCertificate.Thumbprint);
        Assert.Single(Of("CertificatesRefused"));

        _folder.Replace(next, _authority.Pem);
        reload.Poll();
        Assert.Equal(next.Thumbprint, certificates.Current.Own!.TargetCertificate.Thumbprint);
    }

    [Fact]
    public async Task The_metric_is_the_end_of_the_current_certificate()
    {
        TestCertificate own = _authority.Issue(), next = _authority.Issue(to: 50);
        (_, CertificateReload reload) = Open(own);
        Assert.Empty(Measure());

        await reload.StartAsync(Stop);
        await Eventually.TrueAsync(() => Task.FromResult(Measure().Length > 0), "it is measured");
        Assert.Equal([EndOf(own)], Measure());
        await reload.StopAsync(Stop);
        _folder!.Replace(next, _authority.Pem);
        reload.Poll();

        Assert.Equal([EndOf(next)], Measure());
        Assert.NotEqual(EndOf(own), EndOf(next));

        static long EndOf(TestCertificate certificate) => new DateTimeOffset(certificate.Load().NotAfter).ToUnixTimeSeconds();
    }

    [Fact]
    public async Task A_process_without_files_measures_and_logs_nothing()
    {
        using var reload = new CertificateReload(
            new ProcessCertificates(new CertificateFiles(), _time), _services.GetRequiredService<PlatformTelemetry>(),
            _services.GetRequiredService<ILogger<CertificateReload>>(), _time);

        await reload.StartAsync(Stop);
        await reload.ExecuteTask!;

        Assert.Empty(Measure());
        Assert.Empty(_lines.Lines);
    }

    public void Dispose()
    {
        _services.Dispose();
        _folder?.Dispose();
    }

    private string[] Of(string name) => [.. _lines.Lines.Where(line => line.Event == name).Select(line => line.Text)];

    private (ProcessCertificates Certificates, CertificateReload Reload) Open(TestCertificate own)
    {
        _folder = new CertificateFolder(own, _authority.Pem);
        var certificates = new ProcessCertificates(new CertificateFiles(_folder.Certificate, _folder.Key, _folder.Authorities), _time);
        return (
            certificates,
            new CertificateReload(
                certificates, _services.GetRequiredService<PlatformTelemetry>(), _services.GetRequiredService<ILogger<CertificateReload>>(), _time));
    }

    private long[] Measure()
    {
        _ = _services.GetRequiredService<PlatformTelemetry>();
        var values = new List<long>();
        using var listener = new MeterListener();
        IMeterFactory meters = _services.GetRequiredService<IMeterFactory>();
        listener.InstrumentPublished = (instrument, measuring) =>
        {
            if (instrument.Name == "brownian.certificate.expiry" && instrument.Meter.Scope == meters)
            {
                measuring.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => values.Add(value));
        listener.Start();
        listener.RecordObservableInstruments();
        return [.. values];
    }
}
