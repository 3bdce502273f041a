using System.CommandLine;
using Brownian.Models.Metadata;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian info FILE</c>: prints the settings that an image contains.</summary>
internal static class InfoCommand
{
    public static Command Create()
    {
        var file = new Argument<FileInfo>("FILE") { Description = "A PNG, JPEG or WebP file" };
        var command = new Command("info", "Prints the settings in an image file") { file };
        command.SetAction(parsed =>
        {
            FileInfo image = parsed.GetValue(file)!;
            byte[] bytes = File.ReadAllBytes(image.FullName);
            string? text;
            try
            {
                text = ImageMetadata.TextIn(bytes);
            }
            catch (InvalidDataException exception)
            {
                throw new InvalidDataException($"{image} {exception.Message}", exception);
            }
            Console.Out.WriteLine(text ?? throw new InvalidDataException($"{image} contains no settings"));
            return ExitCode.Success;
        });
        return command;
    }
}
