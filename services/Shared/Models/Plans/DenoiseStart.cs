namespace Brownian.Models.Plans;

/// <summary>Where a run begins.</summary>
public enum DenoiseStart
{
    /// <summary>At noise alone.</summary>
    Noise,

    /// <summary>At an image's latents with the noise of the first evaluation.</summary>
    NoisedImage,

    /// <summary>At an image's latents as they are: an earlier model left them there.</summary>
    Image,
}
