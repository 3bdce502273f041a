using System.Net;
using Brownian.Jobs.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Brownian.Hosting;

/// <summary>Logs at the start which settings let others in, or let them read what is sent or stored.</summary>
/// <param name="options">The settings.</param>
/// <param name="services">Contains the data folder of a process that has one.</param>
/// <param name="logger">Receives the warnings.</param>
public sealed class StartWarnings(PlatformOptions options, IServiceProvider services, ILogger<StartWarnings> logger) : IHostedService
{
    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (!IPAddress.IsLoopback(IPAddress.Parse(options.Listen)))
        {
            if (!options.RequiresAuthentication)
            {
                PlatformLog.EveryCallerIsLetIn(logger, options.Listen);
            }
            else if (options.CertificateFile is null)
            {
                PlatformLog.KeysAreNotEncrypted(logger, options.Listen);
            }
        }
        if (services.GetService<DataFolder>() is { IsOpen: true } folder)
        {
            PlatformLog.DataFolderIsOpen(logger, folder.FullPath);
        }
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
