using System.Security.Cryptography;
using System.Text.Json;
using Brownian.Client;
using Brownian.V1;

namespace Brownian.AppHost.Tests;

/// <summary>The cluster for developers works, shows its telemetry, and leaves no process or folder behind.</summary>
public sealed class AppHostTests
{
    private static readonly string[] Services = ["denoiser", "gateway", "text-encoder", "vae-decoder"];

    // A process's name has 15 characters.
    private static readonly string[] Processes =
        ["redis-server", "beam.smp", "Brownian.Gatewa", "Brownian.TextEn", "Brownian.Denois", "Brownian.VaeDec"];

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_cluster_makes_an_image_shows_its_traces_and_leaves_no_process_when_stopped()
    {
        using var host = new RunningAppHost();
        string gateway = await host.ReadyAsync();
        Assert.Empty(Processes.Except(host.FindProcesses()));
        Assert.Single(host.FindData());

        using (var client = new BrownianClient(gateway))
        {
            var events = new List<JobEvent>();
            await foreach (JobEvent item in client.GenerateAsync(new GenerateRequest { Prompt = "red apple, flat", Seed = 7, Steps = 2 }, Cancelled))
            {
                events.Add(item);
            }
            Assert.Equal(JobEvent.EventOneofCase.Done, events[^1].EventCase);
            Artifact artifact = Assert.Single(events, item => item.EventCase == JobEvent.EventOneofCase.Artifact).Artifact;
            byte[] image = await client.GetArtifactAsync(artifact.Id, Cancelled);
            Assert.Equal(artifact.Sha256, Convert.ToHexStringLower(SHA256.HashData(image)));
        }

        using var http = new HttpClient { BaseAddress = new Uri(await host.DashboardAsync()) };
        await host.UntilAsync(async () => Services.All((await ServicesWithTracesAsync(http)).Contains), "the dashboard has traces of every service");

        Assert.Equal(0, await host.StopAsync());
        await LeavesNoProcessAsync(host);
        Assert.Empty(host.FindData());
    }

    [Fact]
    public async Task Every_process_of_the_cluster_ends_when_its_host_is_killed()
    {
        using var host = new RunningAppHost();
        await host.ReadyAsync();
        Assert.Empty(Processes.Except(host.FindProcesses()));
        await host.KillAsync();
        await LeavesNoProcessAsync(host);
    }

    [Fact]
    public async Task An_invalid_setting_ends_the_app_host_with_a_line_that_names_it()
    {
        using var host = new RunningAppHost("--Cluster:Denoisers=0");
        Assert.Equal(2, await host.EndAsync());
        Assert.Contains("Denoisers is 0; allowed: 1..16", host.Log, StringComparison.Ordinal);
    }

    private static Task LeavesNoProcessAsync(RunningAppHost host) =>
        host.UntilAsync(() => Task.FromResult(host.FindProcesses().Length == 0), "every process of the cluster ended");

    private static async Task<IEnumerable<string>> ServicesWithTracesAsync(HttpClient dashboard)
    {
        using JsonDocument resources = JsonDocument.Parse(await dashboard.GetStringAsync("/api/telemetry/resources", Cancelled));
        return
        [
            .. resources.RootElement.EnumerateArray().Where(resource => resource.GetProperty("hasTraces").GetBoolean())
                .Select(resource => resource.GetProperty("name").GetString()!),
        ];
    }
}
