namespace Brownian.Cli.Commands;

/// <summary>The commands that make images: they differ in what stands where the prompt does.</summary>
internal enum ImageCommand
{
    /// <summary>A prompt.</summary>
    Generate,

    /// <summary>An image that is made larger.</summary>
    Upscale,

    /// <summary>Two prompts or two images that frames lie between.</summary>
    Interpolate,
}
