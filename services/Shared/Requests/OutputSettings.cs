using Brownian.Formats.Images;
using Brownian.Requests.Schema;

namespace Brownian.Requests;

/// <summary>The file format of images.</summary>
public sealed record OutputSettings
{
    /// <summary>The file format.</summary>
    [ChoiceField("The file format", "png", "jpeg", "webp", Default = "png")]
    public ImageFormat Format { get; init; } = ImageFormat.Png;

    /// <summary>The quality of JPEG and WebP, 1..100.</summary>
    [IntegerField("The quality of JPEG and WebP files", 1, 100, Default = "95")]
    public int Quality { get; init; } = 95;

    /// <summary>Whether the file contains the settings of the image.</summary>
    [BooleanField("Whether the file contains the settings that generated the image", Default = "true")]
    public bool Metadata { get; init; } = true;
}
