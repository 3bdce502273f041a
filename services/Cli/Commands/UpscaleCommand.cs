using System.CommandLine;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian upscale</c>: <c>generate</c> with the task upscale and an image instead of the prompt.</summary>
internal static class UpscaleCommand
{
    public static Command Create() => GenerateCommand.Create("upscale", "Upscales an image", new RequestOptions(ImageCommand.Upscale));
}
