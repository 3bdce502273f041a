using Brownian.Diffusion.Guidance;
using Brownian.Models.Plans;

namespace Brownian.Workers.Wire;

/// <summary>The names in the denoiser's messages for image roles, guidance methods and starts.</summary>
public static class DenoiseWireNames
{
    /// <summary>The names of <see cref="ImageRole"/>.</summary>
    public static IReadOnlyDictionary<string, ImageRole> Roles { get; } = new Dictionary<string, ImageRole>(StringComparer.Ordinal)
    {
        ["begin"] = ImageRole.Begin,
        ["inpaint"] = ImageRole.Inpaint,
        ["guide"] = ImageRole.Guide,
        ["enlarge"] = ImageRole.Upscale,
    };

    /// <summary>The names of <see cref="GuidanceMethod"/>.</summary>
    public static IReadOnlyDictionary<string, GuidanceMethod> Methods { get; } = new Dictionary<string, GuidanceMethod>(StringComparer.Ordinal)
    {
        ["cfg"] = GuidanceMethod.Cfg,
        ["cfg++"] = GuidanceMethod.CfgPlusPlus,
    };

    /// <summary>The names of <see cref="DenoiseStart"/>.</summary>
    public static IReadOnlyDictionary<string, DenoiseStart> Starts { get; } = new Dictionary<string, DenoiseStart>(StringComparer.Ordinal)
    {
        ["noise"] = DenoiseStart.Noise,
        ["noised_image"] = DenoiseStart.NoisedImage,
        ["image"] = DenoiseStart.Image,
    };
}
