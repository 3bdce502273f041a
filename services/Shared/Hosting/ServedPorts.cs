using Brownian.Jobs.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Brownian.Hosting;

/// <summary>
/// Logs what each port of a running gateway is for, and writes the ports into the data folder, so that the command line sends the secrets of the
/// folder to this process and to no other one of the machine.
/// </summary>
/// <param name="addresses">The addresses.</param>
/// <param name="services">Contains the data folder of a process that has one.</param>
/// <param name="logger">Receives the addresses.</param>
public sealed class ServedPorts(ListeningAddresses addresses, IServiceProvider services, ILogger<ServedPorts> logger) : IHostedLifecycleService
{
    /// <summary>The file in a data folder that contains the ports, one a line. It exists while the process runs.</summary>
    public const string FileName = "ports";

    private string? File => services.GetService<DataFolder>() is { } folder ? Path.Combine(folder.FullPath, FileName) : null;

    /// <summary>Whether the process of a data folder listens on a port.</summary>
    /// <param name="folder">The data folder.</param>
    /// <param name="port">The port.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file cannot be read.</exception>
    public static bool Contain(string folder, int port)
    {
        string file = Path.Combine(folder, FileName);
        return System.IO.File.Exists(file)
            && System.IO.File.ReadLines(file).Contains(port.ToString(CultureInfo.InvariantCulture), StringComparer.Ordinal);
    }

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken)
    {
        PlatformLog.GatewayServes(logger, addresses.Http, addresses.Grpc, addresses.OperatorHttp, addresses.OperatorGrpc);
        if (File is { } file)
        {
            string?[] known = [addresses.Http, addresses.Grpc, addresses.OperatorHttp, addresses.OperatorGrpc];
            System.IO.File.WriteAllLines(
                file, known.OfType<string>().Select(address => new Uri(address).Port.ToString(CultureInfo.InvariantCulture)));
        }
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        if (File is { } file)
        {
            System.IO.File.Delete(file);
        }
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
