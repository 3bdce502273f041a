using System.CommandLine;
using System.CommandLine.Help;

namespace Brownian.Cli.Help;

/// <summary>Writes the help of a command: what it does, how it is called, examples, and its options in groups.</summary>
/// <param name="output">Receives the text.</param>
internal sealed class HelpWriter(TextWriter output)
{
    /// <summary>The largest width of a line, in characters.</summary>
    public const int Width = 100;

    /// <summary>The largest width of the column of names.</summary>
    private const int MaxNames = 34;

    private const int Indent = 2, Gap = 2;

    private static readonly Dictionary<HelpGroup, string> Titles = new()
    {
        [HelpGroup.Options] = "Options",
        [HelpGroup.Prompt] = "Prompt",
        [HelpGroup.Image] = "Image",
        [HelpGroup.Sampling] = "Sampling",
        [HelpGroup.Model] = "Model and adapters",
        [HelpGroup.ControlNet] = "ControlNet",
        [HelpGroup.Xl] = "Stable Diffusion XL",
        [HelpGroup.Request] = "Whole requests",
        [HelpGroup.Batch] = "Several requests",
        [HelpGroup.Output] = "Output",
        [HelpGroup.Server] = "Server",
        [HelpGroup.Advanced] = "Advanced",
    };

    /// <summary>Writes a command's help.</summary>
    /// <param name="command">The command.</param>
    public void Write(Command command)
    {
        Text(command.Description + (command.Description is [.., '.'] ? "" : "."));
        Title("Usage");
        Text(Usage(command), Indent);
        if (CommandHelp.ExamplesOf(command) is { Count: > 0 } examples)
        {
            Title("Examples");
            foreach (string line in examples)
            {
                output.WriteLine(new string(' ', Indent) + line);
            }
        }
        Table("Commands", [.. command.Subcommands.Where(child => !child.Hidden).Select(child => (NameOf(child), child.Description))]);
        Table("Arguments", [.. command.Arguments.Select(argument => (argument.Name, argument.Description))]);
        foreach (IGrouping<HelpGroup, Option> group in command.Options.Where(option => !option.Hidden).GroupBy(CommandHelp.GroupOf)
            .OrderBy(group => group.Key))
        {
            Table(Titles[group.Key], [.. group.Select(option => (NameOf(option), option.Description))]);
        }
        if (command is RootCommand)
        {
            output.WriteLine();
            Text("\"brownian help COMMAND\" shows a command's options. Documentation: the folder docs beside the program's README; it begins with "
                + "docs/quick-start.md, docs/coming-from.md (other programs), docs/import.md (checkpoints) and docs/troubleshooting.md.");
        }
    }

    /// <summary>Breaks a text into lines.</summary>
    /// <param name="text">The text.</param>
    /// <param name="width">The largest width of a line; longer words have lines of their own.</param>
    internal static IEnumerable<string> Wrap(string text, int width)
    {
        string line = "";
        foreach (string word in text.Split(' '))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > width)
            {
                yield return line;
                line = "";
            }
            line = line.Length == 0 ? word : $"{line} {word}";
        }
        yield return line;
    }

    private static string Usage(Command command)
    {
        string[] parts =
        [
            CommandHelp.PathOf(command),
            .. command.Arguments.Select(argument => argument.Arity.MinimumNumberOfValues == 0 ? $"[{argument.Name}]" : argument.Name),
            .. command.Subcommands.Count > 0 ? (string[])["COMMAND"] : [],
            .. command.Options.Any(option => option is not HelpOption) ? (string[])["[options]"] : [],
        ];
        return string.Join(' ', parts);
    }

    private static string NameOf(Command command) => string.Join(' ', [command.Name, .. command.Arguments.Select(argument => argument.Name)]);

    private static string NameOf(Option option)
    {
        string[] names = [.. option.Aliases.Where(alias => alias is ['-', _]).Order(StringComparer.Ordinal), option.Name];
        string name = string.Join(", ", names);
        return option.Arity.MaximumNumberOfValues == 0 ? name
            : option.HelpName is { } value ? $"{name} {value}"
            : name;
    }

    private void Title(string title)
    {
        output.WriteLine();
        output.WriteLine(title + ":");
    }

    private void Text(string text, int indent = 0)
    {
        foreach (string line in Wrap(text, Width - indent))
        {
            output.WriteLine(new string(' ', indent) + line);
        }
    }

    private void Table(string title, IReadOnlyList<(string Name, string? Description)> rows)
    {
        if (rows.Count == 0)
        {
            return;
        }
        Title(title);
        int names = Math.Min(rows.Max(row => row.Name.Length), MaxNames), start = Indent + names + Gap;
        foreach ((string name, string? description) in rows)
        {
            string[] lines = [.. Wrap(description ?? "", Width - start)];
            string first = new string(' ', Indent) + name;
            if (name.Length > names)
            {
                output.WriteLine(first);
                first = "";
            }
            for (int i = 0; i < lines.Length; i++)
            {
                output.WriteLine(((i == 0 ? first : "").PadRight(start) + lines[i]).TrimEnd());
            }
        }
    }
}
