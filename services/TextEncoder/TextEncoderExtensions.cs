using Brownian.Hosting;
using Brownian.Jobs.Catalog;
using Brownian.Workers;

namespace Brownian.TextEncoder;

/// <summary>Adds the text-encoder service to a process.</summary>
public static class TextEncoderExtensions
{
    /// <summary>Adds the encoding of prompts, from queues and over gRPC.</summary>
    public static PlatformBuilder AddTextEncoder(this PlatformBuilder platform)
    {
        return platform.AddWorker(WorkerRole.TextEncoder).Map(app => app.MapGrpcService<TextEncoderService>());
    }
}
