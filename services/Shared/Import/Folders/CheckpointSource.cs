using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;
using Brownian.Models.Folders;

namespace Brownian.Import.Folders;

/// <summary>
/// A checkpoint: the graphs that follow from its configurations, and the files that are written beside them. Weights stay in their files until the
/// graphs are written.
/// </summary>
public sealed class CheckpointSource : IDisposable
{
    private readonly IReadOnlyList<WeightSet> _sets;

    internal CheckpointSource(string path, PartReader parts, IReadOnlyList<ImportedFile> files, IReadOnlyList<WeightSet> sets)
    {
        (Path, Files, _sets) = (path, files, sets);
        (Graphs, Notes, Source) = (parts.Built, parts.Notes, Name);
    }

    /// <summary>The name of the folder or the file.</summary>
    public string Name => System.IO.Path.GetFileName(Path);

    /// <summary>Whether the checkpoint is a file.</summary>
    public bool IsFile => !Directory.Exists(Path);

    /// <summary>Whether the checkpoint is one network, and not a pipeline's.</summary>
    public bool IsNetwork { get; internal init; }

    /// <summary>Whether the checkpoint is a model of a family that draws, and not one network or an upscaler.</summary>
    public bool IsDrawing => !IsNetwork && !Parts.Contains(ModelFolder.UpscalerPart);

    /// <summary>The licence that the checkpoint states; null for none.</summary>
    public string? License { get; internal set; }

    /// <summary>What the model's description names as its source.</summary>
    public string Source { get; private set; }

    /// <summary>The names of the graphs' folders.</summary>
    public IReadOnlyList<string> Parts => [.. Graphs.Select(graph => graph.Part)];

    /// <summary>The title that the checkpoint states; null for none.</summary>
    public string? Title { get; internal init; }

    /// <summary>The paths of the graphs' files in the model's folder.</summary>
    public IReadOnlyList<string> GraphFiles => [.. Graphs.Select(graph => System.IO.Path.Combine(graph.Part, GraphBuilder.FileName))];

    /// <summary>What was left out or assumed, one sentence each.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>The bytes of weights that are written.</summary>
    public long Bytes => Graphs.Sum(graph => graph.Graph.WeightBytes);

    /// <summary>The path of the folder or the file.</summary>
    internal string Path { get; }

    internal IReadOnlyList<ImportedGraph> Graphs { get; }

    internal IReadOnlyList<ImportedFile> Files { get; }

    /// <summary>Equal for imports of the same files with the same settings by the same version.</summary>
    internal string Identity { get; init; } = "";

    /// <summary>Reads the configurations and the headers of the files of weights.</summary>
    /// <param name="path">A diffusers folder, or a file.</param>
    /// <param name="settings">How it is imported.</param>
    /// <exception cref="ModelException">
    /// A file is missing or damaged, or a network or an option of it is not supported; the message names all that was found.
    /// </exception>
    public static CheckpointSource Open(string path, ImportSettings settings)
    {
        CheckpointSource opened = Directory.Exists(path) ? DiffusersFolder.Read(path, settings) : SingleFile.Read(path, settings);
        if (settings.TakesControlNets && !opened.Parts.Contains("unet"))
        {
            opened.Dispose();
            throw new ModelException($"{path} has no UNet of Stable Diffusion, and only such a UNet takes the outputs of ControlNets");
        }
        if (settings.Origin is { } origin)
        {
            opened.Source = origin.Source;
            opened.License = origin.License ?? opened.License;
        }
        return opened;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (WeightSet set in _sets)
        {
            set.Dispose();
        }
    }

    /// <summary>Returns what identifies an import.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="files">The files that are read.</param>
    internal static string IdentityOf(ImportSettings settings, params IEnumerable<string> files) => string.Join(
        '\n',
        [
            typeof(CheckpointSource).Assembly.GetName().Version?.ToString() ?? "", settings.ToString(),
            .. files.Order(StringComparer.Ordinal).Select(file => new FileInfo(file))
                .Select(file => $"{file.FullName} {file.Length} {file.LastWriteTimeUtc.Ticks}"),
        ]);
}
