using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.AppHost;

/// <summary>The process that starts the cluster, shows it in a dashboard, and stops it.</summary>
internal static class ClusterHost
{
    private const string Urls = "ASPNETCORE_URLS";
    private const string Telemetry = "ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL";
    private const string Resources = "ASPIRE_RESOURCE_SERVICE_ENDPOINT_URL";

    /// <summary>Runs the cluster until the process is stopped.</summary>
    /// <param name="args">The command line: settings of Aspire, and <c>--Cluster:Name value</c>.</param>
    /// <returns>The exit code: 0, or 2 with a line on standard error for invalid settings.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        // The dashboard and the services communicate on this machine only, so there is no certificate to trust.
        IDistributedApplicationBuilder builder =
            DistributedApplication.CreateBuilder(new DistributedApplicationOptions { Args = args, AllowUnsecuredTransport = true });
        var options = new ClusterOptions();
        try
        {
            builder.Configuration.GetSection(ClusterOptions.Section).Bind(options, binder => binder.ErrorOnUnknownConfiguration = true);
            options.Validate();
        }
        catch (InvalidOperationException exception)
        {
            string message = (exception.InnerException ?? exception).Message.ReplaceLineEndings(" ");
            await Console.Error.WriteLineAsync($"brownian: {ClusterOptions.Section}: {message}");
            return 2;
        }
        AddDashboard(builder.Configuration, options.FreePorts);
        // When this process exits, nothing of the cluster runs any more, so the servers' files can be deleted.
        builder.Configuration["DcpPublisher:WaitForResourceCleanup"] ??= "true";
        using var data = new DataFolder();
        builder.AddCluster(options, data);
        builder.Services.AddHostedService<ReadyAnnouncement>();
        DistributedApplication app = builder.Build();
        await using (app)
        {
            await app.RunAsync();
        }
        return 0;
    }

    private static void AddDashboard(ConfigurationManager configuration, bool freePorts)
    {
        (string Name, int Port)[] addresses = [(Urls, 15080), (Telemetry, 15081), (Resources, 15082)];
        foreach ((string name, int port) in addresses)
        {
            // Environment variables take precedence over these defaults.
            configuration[name] ??= string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{(freePorts ? FindFreePort() : port)}");
        }
    }

    private static int FindFreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
