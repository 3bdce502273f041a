using System.CommandLine;
using Brownian.Cli.Output;
using Brownian.Import.Folders;
using Brownian.Import.Graphs;
using Brownian.Models.Catalog;
using Brownian.Models.Folders;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian import</c>: a model folder from a checkpoint.</summary>
internal static class ImportCommand
{
    public static Command Create()
    {
        var source = new Argument<string>("SOURCE") { Description = "A diffusers folder, with weights as .safetensors or .bin" };
        var name = new Option<string?>("--name") { Description = "The model's name; the folder's name when not given", HelpName = "NAME" };
        var to = new Option<string?>("--to")
        {
            Description = $"The folder in which the model's folder is made; {ModelCatalog.UserFolder} when not given",
            HelpName = "DIR",
        };
        var variant = new Option<string?>("--variant") { Description = "Prefer files of this variant, for example fp16", HelpName = "VARIANT" };
        var portable = new Option<bool>("--portable") { Description = "Use only ONNX's own operators, which other runtimes have, too" };
        var command = new Command("import", "Makes a model of a checkpoint, without Python") { source, name, to, variant, portable };
        command.SetAction((parsed, cancellationToken) => Task.FromResult(Run(
            parsed.GetValue(source)!,
            parsed.GetValue(name),
            parsed.GetValue(to) ?? ModelCatalog.UserFolder,
            new ImportSettings(parsed.GetValue(variant), new GraphOptions(parsed.GetValue(portable))),
            cancellationToken)));
        return command;
    }

    private static int Run(string source, string? name, string to, ImportSettings settings, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(source))
        {
            throw new FieldFaultException(FieldFault.Of("SOURCE", source, "a diffusers folder that exists"));
        }
        name ??= Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(source)));
        if (name.Length == 0 || name.StartsWith('.') || name != Path.GetFileName(name) || name.IndexOfAny(Path.GetInvalidFileNameChars()) >= 0)
        {
            throw new FieldFaultException(FieldFault.Of("--name", name, "a name for a folder, which does not begin with a dot"));
        }
        string folder = Path.Combine(to, name);
        using var checkpoint = CheckpointSource.Open(source, settings);
        foreach (string note in checkpoint.Notes)
        {
            Console.Error.WriteLine(note);
        }
        var report = new ImportReport();
        try
        {
            ImportWriter.Write(checkpoint, folder, report, cancellationToken);
        }
        finally
        {
            report.Finish();
        }
        var manifest = ModelManifest.Read(folder);
        Console.Out.WriteLine($"{name}    {manifest.Family}    {folder}");
        if (manifest.License is { } license)
        {
            Console.Error.WriteLine($"licence: {license}");
        }
        string model = ModelCatalog.Create([]).List().Any(known => known.Folder == Path.GetFullPath(folder)) ? name : folder;
        Console.Error.WriteLine($"Try it: brownian generate \"a red apple\" --model {model} -o apple.png");
        return ExitCode.Success;
    }
}
