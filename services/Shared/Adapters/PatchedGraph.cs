namespace Brownian.Adapters;

/// <summary>
/// A graph whose weights were changed, for a session. Once it is loaded this object may be
/// disposed; its file of changed weights, where it has one, is deleted then.
/// </summary>
public sealed class PatchedGraph : IDisposable
{
    private readonly string? _temporaryFolder;

    /// <param name="file">The file that it was made from.</param>
    /// <param name="bytes">The changed model.</param>
    /// <param name="externalFolder">Where its external data is looked for; null where it has none.</param>
    /// <param name="temporaryFolder">A folder to delete, or null.</param>
    internal PatchedGraph(string file, byte[] bytes, string? externalFolder, string? temporaryFolder)
    {
        FilePath = file;
        Bytes = bytes;
        ExternalFolder = externalFolder;
        _temporaryFolder = temporaryFolder;
    }

    /// <summary>The file that it was made from.</summary>
    public string FilePath { get; }

    /// <summary>The changed model, in ONNX's format. Not copied.</summary>
    public byte[] Bytes { get; }

    /// <summary>The folder that the locations of its external data are relative to; null where all weights are in <see cref="Bytes"/>.</summary>
    public string? ExternalFolder { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_temporaryFolder is not null && Directory.Exists(_temporaryFolder))
        {
            Directory.Delete(_temporaryFolder, recursive: true);
        }
    }
}
