using Brownian.Models.Plans;

namespace Brownian.Jobs.Catalog;

/// <summary>The stages that a worker runs.</summary>
/// <param name="Name">The service's name.</param>
/// <param name="Kinds">The kinds of stages that it runs.</param>
public sealed record WorkerRole(string Name, IReadOnlyList<string> Kinds)
{
    /// <summary>Encodes prompts and images to embeddings.</summary>
    public static WorkerRole TextEncoder { get; } = new("text-encoder", [StageKind.TextEncode, StageKind.ImageEncode]);

    /// <summary>Denoises noise to latents.</summary>
    public static WorkerRole Denoiser { get; } = new("denoiser", [StageKind.Denoise]);

    /// <summary>Decodes latents to images and files, and encodes images to latents.</summary>
    public static WorkerRole VaeDecoder { get; } = new("vae-decoder", [StageKind.Write, StageKind.VaeDecode, StageKind.VaeEncode]);

    /// <summary>Every role. Each kind of stage has exactly one role.</summary>
    public static IReadOnlyList<WorkerRole> All { get; } = [TextEncoder, Denoiser, VaeDecoder];

    /// <summary>The role whose workers run stages of a kind.</summary>
    public static WorkerRole Of(string kind) => All.First(role => role.Kinds.Contains(kind));
}
