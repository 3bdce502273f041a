using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Cli.Requests;
using Brownian.Models.Metadata;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian info FILE</c>: prints the settings that an image contains.</summary>
internal static class InfoCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("FILE") { Description = "A PNG, JPEG or WebP file" };
        var json = new Option<bool>("--json") { Description = "Print the request that generate --like makes of the settings, as JSON" };
        var command = new Command("info", "Prints the settings in an image file") { file, json };
        command.SetAction(parsed =>
        {
            string image = parsed.GetValue(file)!;
            byte[] bytes = InputFile.ReadAll(image, "FILE");
            string? text;
            ImageMetadata? settings;
            try
            {
                text = ImageMetadata.TextIn(bytes);
                settings = text is not null && parsed.GetValue(json) ? ImageMetadata.Read(text) : null;
            }
            catch (InvalidDataException exception)
            {
                throw new InvalidDataException($"{image} {exception.Message}", exception);
            }
            if (text is null)
            {
                throw new InvalidDataException($"{image} contains no settings");
            }
            if (settings is null)
            {
                Console.Out.WriteLine(text);
                return ExitCode.Success;
            }
            var report = new JsonObject
            {
                ["request"] = settings.Request.DeepClone(),
                ["ignored"] = new JsonArray([.. settings.Ignored.Select(ignored => (JsonNode)ignored.ToString())]),
                ["missing"] = new JsonArray([.. settings.Missing.Select(missing => (JsonNode)missing.Field)]),
                ["text"] = text,
            };
            Console.Out.WriteLine(report.ToJsonString(new JsonSerializerOptions
            {
                WriteIndented = true,
                Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            }));
            return ExitCode.Success;
        });
        return command;
    }
}
