using System.CommandLine;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian examples</c>: writes the pictures, masks and LoRAs that the documentation's commands name.</summary>
internal static class ExamplesCommand
{
    private static readonly string Source = Path.Combine(AppContext.BaseDirectory, "examples");

    /// <summary>Creates the command.</summary>
    public static Command Create()
    {
        var folder = new Argument<string>("FOLDER")
        {
            Description = "The folder for the files; the working directory when not given",
            DefaultValueFactory = _ => ".",
        };
        var command = new Command("examples", "Writes the pictures, masks and LoRAs that the documentation's commands name") { folder }
            .WithExamples("brownian examples", "brownian examples ~/brownian-examples");
        command.SetAction(parsed => parsed.GetValue(folder) is { Length: > 0 } path
            ? Write(Path.GetFullPath(path))
            : throw new FieldFaultException("FOLDER", "", "a folder's path"));
        return command;
    }

    /// <summary>Writes every file, or none where one of another content has its name.</summary>
    private static int Write(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new FieldFaultException(new FieldFault("FOLDER", $"{folder} is no folder, and none can be made there"));
        }
        string[] names = [.. Directory.GetFiles(Source).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];
        string[] others = [.. names.Where(name => IsAnother(Path.Combine(Source, name), Path.Combine(folder, name)))];
        if (others.Length > 0)
        {
            throw new FieldFaultException(
                [.. others.Select(name => new FieldFault("FOLDER", $"{Path.Combine(folder, name)} is another file; allowed: a folder without it"))]);
        }
        foreach (string name in names)
        {
            File.Copy(Path.Combine(Source, name), Path.Combine(folder, name), overwrite: true);
            Console.Out.WriteLine(name);
        }
        return ExitCode.Success;
    }

    private static bool IsAnother(string source, string target) =>
        Directory.Exists(target) || new FileInfo(target).LinkTarget is not null
        || (File.Exists(target) && !File.ReadAllBytes(source).AsSpan().SequenceEqual(File.ReadAllBytes(target)));
}
