using Brownian.Requests.Schema;

namespace Brownian.Requests;

/// <summary>Images on the way.</summary>
public sealed record PreviewSettings
{
    /// <summary>One every so many evaluations, 1..1000.</summary>
    [IntegerField("One preview every so many evaluations of the model", 1, 1000, Default = "5")]
    public int Every { get; init; } = 5;

    /// <summary>The longer side in pixels, 16..512, where the image is not smaller.</summary>
    [IntegerField("The longer side in pixels", GenerationRequest.SmallestSide, 512, Default = "256")]
    public int Size { get; init; } = 256;
}
