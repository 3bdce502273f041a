using Brownian.Hosting;
using Brownian.Jobs.Catalog;
using Brownian.Workers;

namespace Brownian.VaeDecoder;

/// <summary>Adds the vae-decoder service to a process.</summary>
public static class VaeDecoderExtensions
{
    /// <summary>Adds decoding, encoding and writing of images, from queues and over gRPC.</summary>
    public static PlatformBuilder AddVaeDecoder(this PlatformBuilder platform)
    {
        platform.Services.AddGrpc()
            .AddServiceOptions<VaeService>(options => options.MaxReceiveMessageSize = options.MaxSendMessageSize = VaeService.MaxMessageBytes);
        return platform.AddWorker(WorkerRole.VaeDecoder).Map(app => app.MapGrpcService<VaeService>());
    }
}
