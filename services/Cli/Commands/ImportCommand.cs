using System.CommandLine;

namespace Brownian.Cli.Commands;

/// <summary><c>brownian import</c>: a model folder from a checkpoint.</summary>
internal static class ImportCommand
{
    public static Command Create()
    {
        var source = new Argument<string>("SOURCE")
        {
            Description = "A diffusers folder, or one file with a model, a transformer or an upscaler: .safetensors, .ckpt, .pth, .gguf",
        };
        var options = new ImportOptions("that of the folder or file");
        var command = new Command("import", "Makes a model of a checkpoint, without Python") { source };
        options.AddTo(command);
        command.SetAction((parsed, cancellationToken) =>
        {
            string path = parsed.GetValue(source)!;
            bool isFile = File.Exists(path);
            var faults = new List<FieldFault>();
            if (isFile || Directory.Exists(path))
            {
                options.CheckKind(parsed, isFile, faults);
            }
            else
            {
                faults.Add(FieldFault.Of("SOURCE", path, "a diffusers folder or a file that exists"));
            }
            string name = path.Length == 0 ? "model" : NameOf(path, isFile);
            options.Check(parsed, name, faults);
            return faults.Count > 0 ? throw new FieldFaultException(faults)
                : options.Read(parsed, name).RunAsync(path, cancellationToken);
        });
        return command;
    }

    private static string NameOf(string path, bool isFile) => isFile ? Path.GetFileNameWithoutExtension(path)
        : Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)));
}
