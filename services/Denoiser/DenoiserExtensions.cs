using Brownian.Hosting;
using Brownian.Jobs.Catalog;
using Brownian.Workers;

namespace Brownian.Denoiser;

/// <summary>Adds the denoiser service to a process.</summary>
public static class DenoiserExtensions
{
    /// <summary>Adds denoising, from queues and over gRPC.</summary>
    public static PlatformBuilder AddDenoiser(this PlatformBuilder platform)
    {
        // Embeddings of large encoders take megabytes.
        platform.Services.AddGrpc().AddServiceOptions<DenoiserService>(options => options.MaxReceiveMessageSize = DenoiserService.MaxMessageBytes);
        return platform.AddWorker(WorkerRole.Denoiser).Map(app => app.MapGrpcService<DenoiserService>());
    }
}
