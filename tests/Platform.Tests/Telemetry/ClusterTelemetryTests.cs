using System.Diagnostics;
using Brownian.Gateway;
using Brownian.Hosting;
using Brownian.Jobs.Telemetry;
using Brownian.V1;

namespace Brownian.Platform.Tests.Telemetry;

/// <summary>A gateway and workers connected by the real RabbitMQ and the real Redis.</summary>
[Collection(AloneCollection.Name)]
public sealed class ClusterTelemetryTests(RealServers servers) : TelemetryContract
{
    [Fact]
    public async Task A_direct_call_is_one_trace_through_the_stage_services()
    {
        using Activity client = StartSpan();
        GenerateRequest request = Stubs.Request(Model, 1);
        request.Direct = true;
        await ReadAsync(Gateway.Client.GenerateAsync(request, Stop));

        string[] stages = ["encode", "denoise", "decode", "write"];
        await Eventually.TrueAsync(
            () => Task.FromResult(
                stages.All(stage => SpansOf(client).Any(
                    span => PathOf(span) == "/brownian.v1.Stages/Run" && (string?)span.GetTagItem("brownian.stage") == stage))),
            "the stages that the workers ran are spans of the client's trace");
        Assert.DoesNotContain(SpansOf(client), span => span.Source.Name == PlatformTelemetry.Name);
    }

    private protected override async Task<IReadOnlyList<Node>> StartNodesAsync(IEnumerable<string> settings)
    {
        string[] cluster = [.. settings, .. await servers.SettingsAsync()];
        Node workers = await Node.StartAsync(Watched(Node.Workers), ServiceRole.Denoiser, cluster);
        return [await Node.StartAsync(Watched(platform => platform.AddGateway()), ServiceRole.Gateway, cluster), workers];
    }
}
