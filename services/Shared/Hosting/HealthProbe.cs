using System.Net;

namespace Brownian.Hosting;

/// <summary>
/// Queries the readiness of the process of this machine that has the same settings, with and without TLS: the health check of containers, whose
/// images contain no program for that.
/// </summary>
internal static class HealthProbe
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(4);

    /// <summary>Queries the process.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="role">The role, for the port where the settings have none.</param>
    /// <returns>0 when the process is ready; otherwise 1, with one line on standard error.</returns>
    public static async Task<int> RunAsync(PlatformOptions options, ServiceRole role)
    {
        using var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            // The process is found by the machine's own address, which its certificate need not have.
            SslOptions = { RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null },
        };
        using var client = new HttpClient(handler) { Timeout = Deadline };
        IPAddress listened = IPAddress.Parse(options.Listen);
        IPAddress address = listened.Equals(IPAddress.Any) ? IPAddress.Loopback
            : listened.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback
            : listened;
        var ready = new UriBuilder(
            options.CertificateFile is { Length: > 0 } ? "https" : "http", address.ToString(), options.HttpPort ?? role.HttpPort, "/health/ready");
        string problem;
        try
        {
            using HttpResponseMessage answer = await client.GetAsync(ready.Uri).ConfigureAwait(false);
            if (answer.StatusCode == HttpStatusCode.OK)
            {
                return 0;
            }
            problem = await answer.Content.ReadAsStringAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
        {
            problem = exception.Message;
        }
        await Console.Error.WriteLineAsync("brownian: " + problem.ReplaceLineEndings("; ")).ConfigureAwait(false);
        return 1;
    }
}
