namespace Brownian.Cli.Commands;

/// <summary>The commands that make images. They differ in the arguments that replace the prompt.</summary>
internal enum ImageCommand
{
    /// <summary>A prompt.</summary>
    Generate,

    /// <summary>An image to enlarge.</summary>
    Upscale,

    /// <summary>Two prompts or two images between which frames are interpolated.</summary>
    Interpolate,
}
