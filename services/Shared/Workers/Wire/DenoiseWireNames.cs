using Brownian.Diffusion.Guidance;
using Brownian.Models.Plans;

namespace Brownian.Workers.Wire;

/// <summary>The denoiser messages' words for what an image is to a run.</summary>
public static class DenoiseWireNames
{
    /// <summary>The words of <see cref="ImageRole"/>.</summary>
    public static IReadOnlyDictionary<string, ImageRole> Roles { get; } = new Dictionary<string, ImageRole>(StringComparer.Ordinal)
    {
        ["begin"] = ImageRole.Begin,
        ["inpaint"] = ImageRole.Inpaint,
        ["guide"] = ImageRole.Guide,
        ["enlarge"] = ImageRole.Enlarge,
    };

    /// <summary>The words of <see cref="GuidanceMethod"/>.</summary>
    public static IReadOnlyDictionary<string, GuidanceMethod> Methods { get; } = new Dictionary<string, GuidanceMethod>(StringComparer.Ordinal)
    {
        ["cfg"] = GuidanceMethod.Cfg,
        ["cfg++"] = GuidanceMethod.CfgPlusPlus,
    };

    /// <summary>The words of <see cref="DenoiseStart"/>.</summary>
    public static IReadOnlyDictionary<string, DenoiseStart> Starts { get; } = new Dictionary<string, DenoiseStart>(StringComparer.Ordinal)
    {
        ["noise"] = DenoiseStart.Noise,
        ["noised_image"] = DenoiseStart.NoisedImage,
        ["image"] = DenoiseStart.Image,
    };
}
