using Brownian.Hosting;

namespace Brownian.Platform.Tests.Telemetry;

/// <summary>Everything in one process.</summary>
[Collection(AloneCollection.Name)]
public sealed class OneProcessTelemetryTests : TelemetryContract
{
    private protected override async Task<IReadOnlyList<Node>> StartNodesAsync(IEnumerable<string> settings) =>
        [await Node.StartAsync(Watched(Node.Everything), ServiceRole.Gateway, [.. settings, "Ephemeral=true"])];
}
