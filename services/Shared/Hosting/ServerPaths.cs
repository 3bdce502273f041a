using System.Text.RegularExpressions;
using Brownian.Adapters;
using Brownian.Models.Catalog;

namespace Brownian.Hosting;

/// <summary>
/// Removes this machine's folders from messages that leave it: callers learn which file of a model is concerned, but not its location. The log
/// contains whole paths.
/// </summary>
public sealed class ServerPaths
{
    private readonly Regex? _roots;

    /// <summary>Creates an instance for these folders.</summary>
    /// <param name="folders">The folders, which are removed as given and as full paths. The root of the file system is never removed.</param>
    public ServerPaths(IEnumerable<string> folders)
    {
        string[] roots =
        [
            .. folders.Where(folder => !string.IsNullOrWhiteSpace(folder)).SelectMany(folder => new[] { folder, Path.GetFullPath(folder) })
                .Select(Path.TrimEndingDirectorySeparator)
                .Where(folder => Path.IsPathFullyQualified(folder) && folder != Path.GetPathRoot(folder))
                .Distinct(StringComparer.Ordinal)
                // The longest first, so that a folder inside another one is removed as a whole.
                .OrderByDescending(folder => folder.Length),
        ];
        // Not preceded by characters that would make it the end of another path, and followed by a separator or the end of a name.
        _roots = roots.Length == 0 ? null
            : new Regex($@"(?<![\w/\\.~-])(?:{string.Join('|', roots.Select(Regex.Escape))})(?:[/\\]|(?![\w.-]))", RegexOptions.CultureInvariant);
    }

    /// <summary>Creates an instance for the folders in a process's settings, the program's folder and the folder of temporary files.</summary>
    public static ServerPaths Create(PlatformOptions options) => new(
    [
        .. ModelCatalog.Create(options.ModelFolders).Folders,
        // A model that is given by its folder keeps the folder's name.
        .. options.Models.Where(Path.IsPathRooted).Select(model => Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(model)) ?? ""),
        .. AdapterCatalog.Create(options.AdapterFolders, takesPaths: false).Folders,
        options.DataFolder ?? PlatformOptions.DefaultDataFolder,
        options.ArtifactFolder ?? "",
        options.WatchedFolder is { } watched ? Path.GetFullPath(watched) : "",
        AppContext.BaseDirectory,
        Path.GetTempPath(),
    ]);

    /// <summary>Returns a message whose paths are relative to these folders.</summary>
    public string Hide(string message) => _roots is null ? message
        : _roots.Replace(message, match => match.ValueSpan[^1] is '/' or '\\' ? "" : Path.GetFileName(match.Value));
}
