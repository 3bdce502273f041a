using System.Text.Json.Nodes;
using Brownian.Requests.Schema;

namespace Brownian.Requests;

/// <summary>The settings of a second pass at a larger size. Null selects the default.</summary>
public sealed record HiresSettings : ICheckedFields
{
    private const string Latent = "latent", Nearest = "latent-nearest", Bicubic = "latent-bicubic", Lanczos = "lanczos";

    /// <summary>The methods for enlarging latents; <c>lanczos</c> enlarges the decoded image instead.</summary>
    public static IReadOnlyList<string> Upscalers { get; } = [Latent, Nearest, Bicubic, Lanczos];

    /// <summary>The scale factor, 1..4; used when no size is given.</summary>
    [NumberField("The scale factor, instead of width and height", 1, 4, Default = "2")]
    public double? Scale { get; init; }

    /// <summary>The width in pixels.</summary>
    [IntegerField("The width of the second pass in pixels", GenerationRequest.MinSide, GenerationRequest.MaxSide, Default = "by scale")]
    public int? Width { get; init; }

    /// <summary>The height in pixels.</summary>
    [IntegerField("The height of the second pass in pixels", GenerationRequest.MinSide, GenerationRequest.MaxSide, Default = "by scale")]
    public int? Height { get; init; }

    /// <summary>The number of steps; null for that of the first pass.</summary>
    [IntegerField("Steps of the second pass", 1, 1000, Default = "those of the first pass")]
    public int? Steps { get; init; }

    /// <summary>The denoising strength relative to the enlarged image, 0..1.</summary>
    [NumberField("The denoising strength of the second pass", 0, 1, Default = "0.7")]
    public double? Strength { get; init; }

    /// <summary>One of <see cref="Upscalers"/>.</summary>
    [ChoiceField("The method that upscales the latents; lanczos upscales the decoded image", Latent, Nearest, Bicubic, Lanczos, Default = Latent)]
    public string? Upscaler { get; init; }

    void ICheckedFields.Check(JsonObject json, string path, List<FieldFault> faults)
    {
        if (Scale is not null && (Width ?? Height) is not null)
        {
            faults.Add(new FieldFault(path + ".scale", "is given with width or height; give either scale or both of them"));
        }
        if (Width is null != Height is null)
        {
            faults.Add(new FieldFault(path + (Width is null ? ".width" : ".height"), "is missing; give width and height together"));
        }
    }
}
