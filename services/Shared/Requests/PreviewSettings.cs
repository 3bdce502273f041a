using Brownian.Requests.Schema;

namespace Brownian.Requests;

/// <summary>The settings of previews during the run.</summary>
public sealed record PreviewSettings
{
    /// <summary>The number of evaluations between previews, 1..1000.</summary>
    [IntegerField("The number of model evaluations from one preview to the next", 1, 1000, Default = "5")]
    public int Every { get; init; } = 5;

    /// <summary>The length of the longer side in pixels, 16..512; at most the image's.</summary>
    [IntegerField("The longer side in pixels", GenerationRequest.MinSide, 512, Default = "256")]
    public int Size { get; init; } = 256;
}
