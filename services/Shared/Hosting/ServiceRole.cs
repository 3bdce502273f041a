namespace Brownian.Hosting;

/// <summary>What a process can be.</summary>
/// <param name="Name">The role's name.</param>
/// <param name="HttpPort">Its port for HTTP/1.1 where the configuration says none.</param>
/// <param name="GrpcPort">Its port for gRPC where the configuration says none.</param>
public sealed record ServiceRole(string Name, int HttpPort, int GrpcPort)
{
    /// <summary>The front door; everything in one process too.</summary>
    public static ServiceRole Gateway { get; } = new("gateway", 5080, 5081);

    /// <summary>Prompts to embeddings.</summary>
    public static ServiceRole TextEncoder { get; } = new("text-encoder", 5180, 5181);

    /// <summary>Noise to latents.</summary>
    public static ServiceRole Denoiser { get; } = new("denoiser", 5280, 5281);

    /// <summary>Latents to images.</summary>
    public static ServiceRole VaeDecoder { get; } = new("vae-decoder", 5380, 5381);
}
