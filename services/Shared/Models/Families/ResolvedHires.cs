using Brownian.Diffusion.Schedulers;

namespace Brownian.Models.Families;

/// <summary>The settings of a second pass with every default filled in.</summary>
/// <param name="Width">The width in pixels.</param>
/// <param name="Height">The height in pixels.</param>
/// <param name="Sampling">The scheduler's sampling options.</param>
/// <param name="First">The first evaluation that is run.</param>
/// <param name="Strength">How far the result may be from the enlarged image.</param>
/// <param name="Upscaler">One of <see cref="Requests.HiresSettings.Upscalers"/>.</param>
public sealed record ResolvedHires(int Width, int Height, SamplingOptions Sampling, int First, double Strength, string Upscaler)
{
    /// <summary>XL's sizes; null for other models.</summary>
    public IReadOnlyList<double>? TimeIds { get; init; }

    /// <summary>XL's sizes for the unconditional pass.</summary>
    public IReadOnlyList<double>? NegativeTimeIds { get; init; }
}
