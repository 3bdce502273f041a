using Brownian.Hosting;
using Brownian.Jobs.Catalog;
using Brownian.Workers;

namespace Brownian.Denoiser;

/// <summary>The denoiser service as a part of a process.</summary>
public static class DenoiserExtensions
{
    /// <summary>Denoises, from queues and by gRPC.</summary>
    public static PlatformBuilder AddDenoiser(this PlatformBuilder platform)
    {
        // Embeddings of large encoders take megabytes.
        platform.Services.AddGrpc().AddServiceOptions<DenoiserService>(options => options.MaxReceiveMessageSize = DenoiserService.MaxMessageBytes);
        return platform.AddWorker(WorkerRole.Denoiser).Map(app => app.MapGrpcService<DenoiserService>());
    }
}
