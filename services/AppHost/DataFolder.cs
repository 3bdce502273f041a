namespace Brownian.AppHost;

/// <summary>A temporary folder for the data of servers that run as programs. Every cluster starts with empty servers.</summary>
internal sealed class DataFolder : IDisposable
{
    private string? _path;

    /// <summary>Returns the path of a server's subfolder.</summary>
    /// <param name="server">The server's name.</param>
    public string PathOf(string server) => Path.Combine(_path ??= Directory.CreateTempSubdirectory("brownian-apphost-").FullName, server);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_path is not null)
        {
            Directory.Delete(_path, recursive: true);
        }
    }
}
