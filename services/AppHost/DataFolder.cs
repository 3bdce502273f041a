namespace Brownian.AppHost;

/// <summary>A temporary folder for the data of servers that run as programs. Every cluster begins empty.</summary>
internal sealed class DataFolder : IDisposable
{
    private string? _path;

    /// <summary>The path of a server's own folder in it.</summary>
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
