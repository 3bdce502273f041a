using Brownian.Hosting;
using Brownian.Jobs.Catalog;
using Brownian.Workers;

namespace Brownian.TextEncoder;

/// <summary>The text-encoder service as a part of a process.</summary>
public static class TextEncoderExtensions
{
    /// <summary>Encodes prompts, from queues and by gRPC.</summary>
    public static PlatformBuilder AddTextEncoder(this PlatformBuilder platform)
    {
        return platform.AddWorker(WorkerRole.TextEncoder).Map(app => app.MapGrpcService<TextEncoderService>());
    }
}
