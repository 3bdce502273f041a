using System.Text.Json.Nodes;
using Brownian.Diffusion.Noise;

namespace Brownian.Inference.Requests;

/// <summary>What a client asks, in the vocabulary that every interface shares. Null means: take the model's default.</summary>
public sealed record GenerationRequest
{
    /// <summary>The longest prompt, in UTF-16 units.</summary>
    public const int LongestPrompt = 32_000;

    /// <summary>The most pictures of one request.</summary>
    public const int MostPictures = 64;

    /// <summary>The most previews of one request.</summary>
    public const int MostPreviews = 256;

    /// <summary>The smallest side in pixels.</summary>
    public const int SmallestSide = 16;

    /// <summary>The largest side in pixels.</summary>
    public const int LargestSide = 8192;

    /// <summary>The most pixels of a picture.</summary>
    public const int MostPixels = 2048 * 2048;

    /// <summary>text-to-image; other tasks follow from the inputs given.</summary>
    public string Task { get; init; } = "text-to-image";

    /// <summary>A model's name or folder; null for the one that ships.</summary>
    public string? Model { get; init; }

    /// <summary>What to draw; null where none was given.</summary>
    public string? Prompt { get; init; }

    /// <summary>What to keep away from; null is encoded as "".</summary>
    public string? NegativePrompt { get; init; }

    /// <summary>Pixels.</summary>
    public int? Width { get; init; }

    /// <summary>Pixels.</summary>
    public int? Height { get; init; }

    /// <summary>One per picture; null for one picture of a random seed.</summary>
    public IReadOnlyList<ulong>? Seeds { get; init; }

    /// <summary>How many pictures, where <see cref="Seeds"/> does not say it.</summary>
    public int Count { get; init; } = 1;

    /// <summary>Steps, 1..1000.</summary>
    public int? Steps { get; init; }

    /// <summary>Timesteps instead of steps.</summary>
    public IReadOnlyList<double>? Timesteps { get; init; }

    /// <summary>A scheduler's class or short name and its options; null for the model's own.</summary>
    public JsonObject? Scheduler { get; init; }

    /// <summary>0..100; up to 1 there is no pass without the prompt.</summary>
    public double? GuidanceScale { get; init; }

    /// <summary>0..1.</summary>
    public double? GuidanceRescale { get; init; }

    /// <summary>η of DDIM-like schedulers, 0 and above.</summary>
    public double Eta { get; init; }

    /// <summary>Which generator the seeds mean.</summary>
    public NoiseKind Noise { get; init; } = NoiseKind.TorchCpu;

    /// <summary>The element type that noise is drawn in.</summary>
    public NoiseDtype NoiseDtype { get; init; } = NoiseDtype.Float32;

    /// <summary>How pictures become files.</summary>
    public OutputSettings Output { get; init; } = new();

    /// <summary>Pictures on the way; null for none.</summary>
    public PreviewSettings? Preview { get; init; }

    /// <summary>Fields of the vocabulary that were given and that only other families or tasks know.</summary>
    public IReadOnlyList<string> Foreign { get; init; } = [];
}
