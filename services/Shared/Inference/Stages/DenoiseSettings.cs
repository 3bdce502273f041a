using System.Text.Json.Nodes;
using Brownian.Diffusion.Schedulers;
using Brownian.Inference.Engines;
using Brownian.Inference.Requests;
using Brownian.Inference.Tensors;

namespace Brownian.Inference.Stages;

/// <summary>Settings of a denoise stage.</summary>
public sealed record DenoiseSettings
{
    /// <summary>The latents' [channels, height, width].</summary>
    public required IReadOnlyList<int> LatentShape { get; init; }

    /// <summary>How far to go from the unconditional output towards and beyond the conditional one.</summary>
    public double GuidanceScale { get; init; } = 1;

    /// <summary>0..1.</summary>
    public double GuidanceRescale { get; init; }

    /// <summary>A complete <c>scheduler_config.json</c> with <c>_class_name</c>.</summary>
    public required JsonObject Scheduler { get; init; }

    /// <summary>The run that the scheduler is asked for.</summary>
    public required SamplingOptions Sampling { get; init; }

    /// <summary>One per picture.</summary>
    public required IReadOnlyList<ulong> Seeds { get; init; }

    /// <summary>One of <see cref="NoiseWords.Kinds"/>.</summary>
    public string Noise { get; init; } = "torch-cpu";

    /// <summary>One of <see cref="NoiseWords.Dtypes"/>.</summary>
    public string NoiseDtype { get; init; } = "float32";

    /// <summary>Every so many evaluations a preview is made; 0 for none.</summary>
    public int PreviewEvery { get; init; }

    /// <summary>Previews' longer side in pixels; null for the pictures' own.</summary>
    public int? PreviewSize { get; init; }

    /// <summary>One picture's run.</summary>
    /// <param name="picture">The picture, from 0.</param>
    /// <param name="embedding">[1, tokens, width], of the prompt.</param>
    /// <param name="negative">The same of the negative prompt; null without guidance.</param>
    public DenoiseTask ToTask(int picture, Tensor embedding, Tensor? negative) => new()
    {
        LatentShape = LatentShape,
        Embedding = embedding,
        NegativeEmbedding = negative,
        GuidanceScale = GuidanceScale,
        GuidanceRescale = GuidanceRescale,
        Scheduler = Scheduler,
        Sampling = Sampling,
        Seed = Seeds[picture],
        Noise = NoiseWords.Kinds[Noise],
        NoiseDtype = NoiseWords.Dtypes[NoiseDtype],
    };
}
