using System.Text.Json.Nodes;
using Brownian.Requests.Schema;

namespace Brownian.Requests;

/// <summary>The settings of an interpolation: frames between two prompts or two images, all with the same noise.</summary>
public sealed record InterpolationSettings : ICheckedFields
{
    /// <summary>The smallest number of frames.</summary>
    public const int FewestFrames = 2;

    /// <summary>The largest number of frames.</summary>
    public const int MaxFrames = 240;

    /// <summary>The two prompts; null when images are given.</summary>
    [TextListField("The two prompts, instead of images", GenerationRequest.MaxPromptLength, 2, Default = "none")]
    public IReadOnlyList<string>? Prompts { get; init; }

    /// <summary>The two images, values like that of <see cref="GenerationRequest.InitImage"/>; null when prompts are given.</summary>
    [TextListField("The two images, instead of prompts", GenerationRequest.MaxFileLength, 2, NamesFile = true, Default = "none")]
    public IReadOnlyList<string>? Images { get; init; }

    /// <summary>The number of frames, including both endpoints.</summary>
    [IntegerField("The number of frames, including both ends", FewestFrames, MaxFrames, Default = "required")]
    public int Frames { get; init; } = FewestFrames;

    void ICheckedFields.Check(JsonObject json, string path, List<FieldFault> faults)
    {
        if ((Prompts ?? Images)?.Count is not 2 || (Prompts is not null && Images is not null))
        {
            faults.Add(new FieldFault(path, "needs two prompts or two images, not both"));
        }
        if (json["frames"] is null)
        {
            faults.Add(new FieldFault(path + ".frames", $"is missing; allowed: {FewestFrames}..{MaxFrames}"));
        }
    }
}
