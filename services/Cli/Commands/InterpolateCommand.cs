using System.CommandLine;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian interpolate</c>: <c>generate</c> with two endpoints instead of the prompt.</summary>
internal static class InterpolateCommand
{
    public static Command Create() =>
        GenerateCommand.Create("interpolate", "Makes frames between two prompts or two pictures", new RequestOptions(ImageCommand.Interpolate));
}
