using System.Text.Json.Nodes;
using Brownian.Formats.Files;

namespace Brownian.Models.Folders;

/// <summary>One graph of a model's folder.</summary>
/// <param name="Part">The folder's name, for example <c>unet</c>.</param>
/// <param name="File">The <c>.onnx</c> file.</param>
/// <param name="Config">The <c>config.json</c> beside it; null in the older converter's layout.</param>
public sealed record GraphFile(string Part, string File, JsonObject? Config)
{
    /// <summary>The size of the graph's weights in bytes: its file and the external data beside it.</summary>
    public long Bytes =>
        new DirectoryInfo(Path.GetDirectoryName(File)!).EnumerateFiles().Where(file => file.Extension is not ".json").Sum(file => file.Length);

    /// <summary>Returns the graph of a folder: <c>model.onnx</c> or the only graph in it, with the <c>config.json</c> beside it.</summary>
    /// <param name="part">The name of the part.</param>
    /// <param name="folder">The folder's path.</param>
    /// <param name="precision"><c>model_PRECISION.onnx</c> is used when it exists; null for the default graph.</param>
    /// <returns>The graph, or null when the folder does not exist or has no graph or several.</returns>
    /// <exception cref="ModelException">The configuration is damaged.</exception>
    public static GraphFile? Find(string part, string folder, string? precision) =>
        Directory.Exists(folder) && FindGraph(folder, precision) is { } file
            ? new GraphFile(part, file, JsonFile.ReadIfThere(Path.Combine(folder, "config.json")))
            : null;

    /// <summary>Returns an integer of the configuration, or null when it or the configuration is missing.</summary>
    public int? Integer(string name) => JsonFile.Integer(Config?[name]);

    /// <summary>Returns a number of the configuration, or null.</summary>
    public double? Number(string name) => Config?[name] is JsonValue value && value.TryGetValue(out double number) ? number : null;

    /// <summary>Returns the length of a list in the configuration, or null.</summary>
    public int? Count(string name) => (Config?[name] as JsonArray)?.Count;

    private static string? FindGraph(string folder, string? precision)
    {
        if (precision is not null && Path.Combine(folder, $"model_{precision}.onnx") is var wanted && System.IO.File.Exists(wanted))
        {
            return wanted;
        }
        string usual = Path.Combine(folder, "model.onnx");
        if (System.IO.File.Exists(usual))
        {
            return usual;
        }
        string[] graphs = Directory.GetFiles(folder, "*.onnx");
        return graphs.Length == 1 ? graphs[0] : null;
    }
}
