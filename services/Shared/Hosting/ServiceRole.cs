namespace Brownian.Hosting;

/// <summary>The role of a process.</summary>
/// <param name="Name">The role's name.</param>
/// <param name="HttpPort">The default port for HTTP/1.1.</param>
/// <param name="GrpcPort">The default port for gRPC.</param>
/// <param name="OperatorHttpPort">The operators' default port for HTTP/1.1.</param>
/// <param name="OperatorGrpcPort">The operators' default port for gRPC; null for a role that operators do not call by gRPC.</param>
public sealed record ServiceRole(string Name, int HttpPort, int GrpcPort, int OperatorHttpPort, int? OperatorGrpcPort = null)
{
    /// <summary>The public API; also the role of a single-process setup.</summary>
    public static ServiceRole Gateway { get; } = new("gateway", 5080, 5081, 5082, 5083);

    /// <summary>Encodes prompts to embeddings.</summary>
    public static ServiceRole TextEncoder { get; } = new("text-encoder", 5180, 5181, 5182);

    /// <summary>Denoises noise to latents.</summary>
    public static ServiceRole Denoiser { get; } = new("denoiser", 5280, 5281, 5282);

    /// <summary>Decodes latents to images.</summary>
    public static ServiceRole VaeDecoder { get; } = new("vae-decoder", 5380, 5381, 5382);
}
