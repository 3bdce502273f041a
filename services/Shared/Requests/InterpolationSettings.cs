using System.Text.Json.Nodes;
using Brownian.Requests.Schema;

namespace Brownian.Requests;

/// <summary>Frames between two prompts or two images, all of one noise.</summary>
public sealed record InterpolationSettings : ICheckedFields
{
    /// <summary>The fewest frames.</summary>
    public const int FewestFrames = 2;

    /// <summary>The most frames.</summary>
    public const int MaxFrames = 240;

    /// <summary>The two prompts; null where there are images.</summary>
    [TextListField("The two prompts, instead of images", GenerationRequest.MaxPromptLength, 2, Default = "none")]
    public IReadOnlyList<string>? Prompts { get; init; }

    /// <summary>The two images, named as <see cref="GenerationRequest.InitImage"/>; null where there are prompts.</summary>
    [TextListField("The two images, instead of prompts", GenerationRequest.MaxFileLength, 2, NamesFile = true, Default = "none")]
    public IReadOnlyList<string>? Images { get; init; }

    /// <summary>How many, both ends counted.</summary>
    [IntegerField("The number of frames, both ends counted", FewestFrames, MaxFrames, Default = "must be given")]
    public int Frames { get; init; } = FewestFrames;

    void ICheckedFields.Check(JsonObject json, string path, List<FieldFault> faults)
    {
        if ((Prompts ?? Images)?.Count is not 2 || (Prompts is not null && Images is not null))
        {
            faults.Add(new FieldFault(path, "needs prompts or images, two of them; not both"));
        }
        if (json["frames"] is null)
        {
            faults.Add(new FieldFault(path + ".frames", $"is missing; allowed: {FewestFrames}..{MaxFrames}"));
        }
    }
}
