namespace Brownian.Models.Folders;

/// <summary>Instructions for importing a model, or for exporting it to ONNX.</summary>
public static class ModelExport
{
    /// <summary>Returns a sentence with the commands that make a model of a repository: the import, and the export of what is not imported.</summary>
    /// <param name="source">A name on a hub.</param>
    public static string HowToPull(string source) =>
        $"Download and import it first: brownian pull {source}; then use --model with the name that it prints (see docs/import.md). What is not "
        + $"imported can be exported to ONNX: optimum-cli export onnx --model {source} --task text-to-image FOLDER (see docs/models.md)";

    /// <summary>Returns a sentence for a folder of checkpoints.</summary>
    /// <param name="folder">The folder.</param>
    public static string HowToImport(string folder) =>
        $"It contains checkpoints. Import them first: brownian import {Quoted(folder)}; then use --model with the name that the import prints "
        + "(see docs/import.md)";

    /// <summary>Returns a sentence for a checkpoint in a single file.</summary>
    /// <param name="file">A <c>.safetensors</c>, <c>.ckpt</c> or <c>.gguf</c> file.</param>
    public static string HowToImportFile(string file) =>
        (File.Exists(file) ? $"{file} is a checkpoint. Import it first" : $"there is no file {file}. A checkpoint that exists is imported first")
        + $": brownian import {Quoted(file)}; then use --model with the name that the import prints (see docs/import.md)";

    private static string Quoted(string text) => text.Contains(' ', StringComparison.Ordinal) ? $"\"{text}\"" : text;
}
