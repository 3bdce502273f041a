namespace Brownian.Adapters;

/// <summary>
/// A graph with changed weights, for a session. It may be disposed once the session is loaded. Disposal deletes its file of changed weights, if any.
/// </summary>
public sealed class PatchedGraph : IDisposable
{
    private readonly string? _temporaryFolder;

    /// <param name="file">The file that the graph was read from.</param>
    /// <param name="bytes">The changed model.</param>
    /// <param name="externalFolder">The folder that contains its external data; null when there is none.</param>
    /// <param name="temporaryFolder">A folder to delete, or null.</param>
    internal PatchedGraph(string file, byte[] bytes, string? externalFolder, string? temporaryFolder)
    {
        FilePath = file;
        Bytes = bytes;
        ExternalFolder = externalFolder;
        _temporaryFolder = temporaryFolder;
    }

    /// <summary>The file that the graph was read from.</summary>
    public string FilePath { get; }

    /// <summary>The changed model, in ONNX's format. Not copied.</summary>
    public byte[] Bytes { get; }

    /// <summary>The folder that the locations of its external data are relative to; null when all weights are in <see cref="Bytes"/>.</summary>
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
