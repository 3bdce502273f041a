using Brownian.Models.Plans;

namespace Brownian.Jobs.Catalog;

/// <summary>What a worker does.</summary>
/// <param name="Name">The service's name.</param>
/// <param name="Kinds">The stage kinds.</param>
public sealed record WorkerRole(string Name, IReadOnlyList<string> Kinds)
{
    /// <summary>Prompts and images to embeddings.</summary>
    public static WorkerRole TextEncoder { get; } = new("text-encoder", [StageKind.TextEncode, StageKind.ImageEncode]);

    /// <summary>Noise to latents.</summary>
    public static WorkerRole Denoiser { get; } = new("denoiser", [StageKind.Denoise]);

    /// <summary>Latents to images and files, and back.</summary>
    public static WorkerRole VaeDecoder { get; } = new("vae-decoder", [StageKind.Write, StageKind.VaeDecode, StageKind.VaeEncode]);

    /// <summary>Every role. A kind of stage is of one of them.</summary>
    public static IReadOnlyList<WorkerRole> All { get; } = [TextEncoder, Denoiser, VaeDecoder];

    /// <summary>The role whose workers run stages of a kind.</summary>
    public static WorkerRole Of(string kind) => All.First(role => role.Kinds.Contains(kind));
}
