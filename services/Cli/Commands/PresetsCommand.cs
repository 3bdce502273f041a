using System.CommandLine;
using System.Text.Json;
using Brownian.Cli.Settings;
using Brownian.Formats.Files;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian presets</c>: lists and shows the presets.</summary>
internal static class PresetsCommand
{
    /// <summary>Creates the command.</summary>
    public static Command Create()
    {
        var name = new Argument<string>("NAME") { Description = "A preset's name or file" };
        name.CompletionSources.Add(_ => Preset.Names().Select(known => new System.CommandLine.Completions.CompletionItem(known)));
        var show = new Command("show", "Shows the fields of a preset") { name };
        show.SetAction(parsed =>
        {
            var preset = Preset.Open(parsed.GetValue(name)!, "NAME");
            Console.Error.WriteLine(preset.FilePath);
            Console.Out.WriteLine(preset.Fields.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
            return ExitCode.Success;
        });
        var command = new Command("presets", "Lists and shows presets: files with fields of a request for \"generate --preset\"")
        {
            CreateList(), show,
        }
            .WithExamples("brownian presets", "brownian generate \"red apple, flat\" --preset draft");
        command.SetAction(_ => List());
        return command;
    }

    private static Command CreateList()
    {
        var command = new Command("list", "Lists the presets, as \"brownian presets\" does");
        command.SetAction(_ => List());
        return command;
    }

    private static int List()
    {
        foreach (string known in Preset.Names())
        {
            try
            {
                var preset = Preset.Open(known);
                Console.Out.WriteLine($"{preset.Name}    {preset.Description}    {preset.FilePath}");
            }
            catch (Exception exception) when (exception is FieldFaultException or ModelException)
            {
                // The others can be used.
                Console.Error.WriteLine($"{known}: {exception.Message}");
            }
        }
        Console.Error.WriteLine($"Your own presets are files {Path.Combine(Preset.Folders[0], "NAME.json")}");
        return ExitCode.Success;
    }
}
