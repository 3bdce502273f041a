namespace Brownian.Models.Plans;

/// <summary>Settings of an image-encode stage.</summary>
public sealed record ImageEncodeSettings
{
    /// <summary>The ids of the images: one for all images of the request, or one each.</summary>
    public required IReadOnlyList<string> Images { get; init; }

    /// <summary>The request's field that contains the ids; null for <c>init_image</c>.</summary>
    public string? Field { get; init; }
}
