using Brownian.Diffusion.Schedulers;

namespace Brownian.Models.Families;

/// <summary>A second pass with every default filled in.</summary>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Sampling">The run that the scheduler is asked for.</param>
/// <param name="First">The first evaluation that is made.</param>
/// <param name="Strength">How far from the enlarged image to go.</param>
/// <param name="Upscaler">One of <see cref="Requests.HiresSettings.Upscalers"/>.</param>
public sealed record ResolvedHires(int Width, int Height, SamplingOptions Sampling, int First, double Strength, string Upscaler)
{
    /// <summary>XL's sizes; null in other models.</summary>
    public IReadOnlyList<double>? TimeIds { get; init; }

    /// <summary>The same for the pass without the prompt.</summary>
    public IReadOnlyList<double>? NegativeTimeIds { get; init; }
}
