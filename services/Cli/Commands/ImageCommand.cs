namespace Brownian.Cli.Commands;

/// <summary>The commands that make pictures: they differ in what stands where the prompt does.</summary>
internal enum ImageCommand
{
    /// <summary>A prompt.</summary>
    Generate,

    /// <summary>A picture that is made larger.</summary>
    Upscale,

    /// <summary>Two prompts or two pictures that frames lie between.</summary>
    Interpolate,
}
