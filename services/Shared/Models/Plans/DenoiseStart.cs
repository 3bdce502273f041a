namespace Brownian.Models.Plans;

/// <summary>The starting point of a run.</summary>
public enum DenoiseStart
{
    /// <summary>Pure noise.</summary>
    Noise,

    /// <summary>An image's latents with the noise of the first evaluation added.</summary>
    NoisedImage,

    /// <summary>An image's latents unchanged, because an earlier model stopped there.</summary>
    Image,
}
