using System.Diagnostics;
using System.Net;
using Brownian.Hosting;
using Brownian.V1;
using Brownian.Workers;
using Microsoft.Extensions.DependencyInjection;

namespace Brownian.Platform.Tests.Services;

/// <summary>The health check and the addresses of a service in a container.</summary>
public sealed class ContainerTests : IDisposable
{
    private readonly Stubs _stubs = new();

    [Fact]
    public async Task The_containers_health_check_succeeds_only_while_the_service_is_ready()
    {
        string model = _stubs.Add();
        int port;
        await using (Node node = await Node.StartAsync(Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(model), "Ephemeral=true"]))
        {
            port = node.Http.BaseAddress!.Port;
            Assert.Equal(0, await CheckAsync(port));
            await node.Client.Workers.DrainAsync(
                new WorkerRequest { Id = node.Services.GetServices<StageWorker>().First().Id },
                cancellationToken: TestContext.Current.CancellationToken);
            // It still answers requests but is no longer ready.
            await Eventually.TrueAsync(async () => await CheckAsync(port) != 0, "a service that drains is not ready");
        }
        Assert.NotEqual(0, await CheckAsync(port));
    }

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("::")]
    public async Task A_service_that_listens_everywhere_is_reached_under_its_machines_name(string listen)
    {
        await using Node node = await Node.StartAsync(_ => { }, ServiceRole.Denoiser, "Ephemeral=true", "Authentication=none", "Listen=" + listen);
        ListeningAddresses addresses = node.Services.GetRequiredService<ListeningAddresses>();
        Assert.Equal(string.Create(CultureInfo.InvariantCulture, $"http://{Dns.GetHostName()}:{new Uri(addresses.Grpc!).Port}"), addresses.Reachable);
    }

    [Fact]
    public async Task A_service_that_listens_on_one_address_is_reached_there()
    {
        await using Node node = await Node.StartAsync(_ => { }, ServiceRole.Denoiser, "Ephemeral=true");
        ListeningAddresses addresses = node.Services.GetRequiredService<ListeningAddresses>();
        Assert.Equal(addresses.Grpc, addresses.Reachable);
    }

    public void Dispose() => _stubs.Dispose();

    private static async Task<int> CheckAsync(int port)
    {
        using Process check = Process.Start(
            new ProcessStartInfo(
                Repository.Combine("deploy", "docker", "health"), [port.ToString(CultureInfo.InvariantCulture)])
            { RedirectStandardError = true })!;
        await check.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await check.WaitForExitAsync(TestContext.Current.CancellationToken);
        return check.ExitCode;
    }
}
