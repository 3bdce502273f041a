using System.CommandLine;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian interpolate</c>: <c>generate</c> with two endpoints instead of the prompt.</summary>
internal static class InterpolateCommand
{
    public static Command Create() =>
        GenerateCommand.Create("interpolate", "Generates frames between two prompts or two images", new RequestOptions(ImageCommand.Interpolate));
}
