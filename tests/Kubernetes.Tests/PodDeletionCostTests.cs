using System.Net;
using System.Text.Json.Nodes;
using k8s;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Brownian.Kubernetes.Tests;

public sealed class PodDeletionCostTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly LogLines _log = new();
    private int _running;

    public void Dispose() => _log.Dispose();

    [Fact]
    public async Task The_annotation_follows_the_running_stages_at_most_once_an_interval()
    {
        await using FakeApi api = await FakeApi.StartAsync();
        using PodDeletionCost cost = Create(api);
        await cost.StartAsync(TestContext.Current.CancellationToken);

        // Idle pods are written too: the container before may have left another value.
        FakeApi.Patch first = await api.NextAsync();
        Assert.Equal(("images", "denoiser-0"), (first.Namespace, first.Pod));
        Assert.StartsWith("application/merge-patch+json", first.ContentType, StringComparison.Ordinal);
        Assert.Equal("0", CostIn(first));

        _running = 1;
        _time.Advance(PodDeletionCost.Interval - TimeSpan.FromTicks(1));
        _running = 3;
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.Equal("3", CostIn(await api.NextAsync()));

        // Nothing is written while nothing changes: the next patch is the one of the change.
        _time.Advance(PodDeletionCost.Interval);
        _time.Advance(PodDeletionCost.Interval);
        _running = 0;
        _time.Advance(PodDeletionCost.Interval);
        Assert.Equal("0", CostIn(await api.NextAsync()));
        await cost.StopAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, api.Waiting);
        Assert.Empty(_log.Lines);
    }

    [Fact]
    public async Task A_refusal_is_logged_once_and_the_value_is_written_when_it_is_allowed()
    {
        await using FakeApi api = await FakeApi.StartAsync();
        using PodDeletionCost cost = Create(api);
        api.Answer = HttpStatusCode.Forbidden;
        await cost.StartAsync(TestContext.Current.CancellationToken);
        await api.NextAsync();
        await NextAsync(api);
        await NextAsync(api);

        api.Answer = HttpStatusCode.OK;
        _running = 2;
        while (CostIn(await NextAsync(api)) != "2")
        {
            // Earlier patches.
        }
        await cost.StopAsync(TestContext.Current.CancellationToken);

        LogLine warning = Assert.Single(_log.Lines);
        Assert.Contains("images/denoiser-0", warning.Text, StringComparison.Ordinal);
        Assert.Contains("403", warning.Text, StringComparison.Ordinal);
        Assert.Contains("is forbidden", warning.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_that_is_not_of_an_API_server_changes_nothing_for_the_worker()
    {
        await using FakeApi api = await FakeApi.StartAsync();
        using PodDeletionCost cost = Create(api);
        api.Body = "<html>";
        await cost.StartAsync(TestContext.Current.CancellationToken);
        await api.NextAsync();
        api.Body = null;
        _running = 2;
        while (CostIn(await NextAsync(api)) != "2")
        {
            // Earlier patches.
        }
        Assert.False(cost.ExecuteTask!.IsCompleted);
        await cost.StopAsync(TestContext.Current.CancellationToken);
        Assert.Single(_log.Lines);
    }

    /// <summary>Advances the clock until another patch comes.</summary>
    private async Task<FakeApi.Patch> NextAsync(FakeApi api)
    {
        await Eventually.TrueAsync(
            () =>
            {
                _time.Advance(PodDeletionCost.Interval);
                return Task.FromResult(api.Waiting > 0);
            },
            "the API server receives another patch");
        return await api.NextAsync();
    }

    private static string? CostIn(FakeApi.Patch patch) =>
        (string?)JsonNode.Parse(patch.Body)!["metadata"]!["annotations"]![PodDeletionCost.Annotation];

    private PodDeletionCost Create(FakeApi api)
    {
        var configuration = new KubernetesClientConfiguration
        {
            Host = string.Create(CultureInfo.InvariantCulture, $"https://127.0.0.1:{api.Port}"),
            SkipTlsVerify = true,
        };
        using ILoggerFactory factory = LoggerFactory.Create(logging => logging.AddProvider(_log));
        return new PodDeletionCost(
            new k8s.Kubernetes(configuration), "images", "denoiser-0", () => _running, _time, factory.CreateLogger<PodDeletionCost>());
    }
}
