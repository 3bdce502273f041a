using Brownian.Hosting;
using Brownian.Jobs.Catalog;
using Brownian.Workers;

namespace Brownian.VaeDecoder;

/// <summary>The vae-decoder service as a part of a process.</summary>
public static class VaeDecoderExtensions
{
    /// <summary>Decodes, encodes and writes images, from queues and by gRPC.</summary>
    public static PlatformBuilder AddVaeDecoder(this PlatformBuilder platform)
    {
        platform.Services.AddGrpc()
            .AddServiceOptions<VaeService>(options => options.MaxReceiveMessageSize = options.MaxSendMessageSize = VaeService.MaxMessageBytes);
        return platform.AddWorker(WorkerRole.VaeDecoder).Map(app => app.MapGrpcService<VaeService>());
    }
}
