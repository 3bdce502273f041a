using System.Text.RegularExpressions;
using Brownian.Adapters;
using Brownian.Models.Catalog;

namespace Brownian.Hosting;

/// <summary>
/// Takes the folders of this machine out of messages that leave it: callers learn which file of a model it is, and not where it lies. The log
/// keeps whole paths.
/// </summary>
public sealed class ServerPaths
{
    private readonly Regex? _roots;

    /// <summary>Takes out these folders.</summary>
    /// <param name="folders">As they are written, and in full. The root of the file system is left.</param>
    public ServerPaths(IEnumerable<string> folders)
    {
        string[] roots =
        [
            .. folders.Where(folder => !string.IsNullOrWhiteSpace(folder)).SelectMany(folder => new[] { folder, Path.GetFullPath(folder) })
                .Select(Path.TrimEndingDirectorySeparator)
                .Where(folder => Path.IsPathFullyQualified(folder) && folder != Path.GetPathRoot(folder))
                .Distinct(StringComparer.Ordinal)
                // The longest first: what lies in it is named from it.
                .OrderByDescending(folder => folder.Length),
        ];
        // Nothing before it that would make it the end of another path, and a whole name at its end.
        _roots = roots.Length == 0 ? null
            : new Regex($@"(?<![\w/\\.~-])(?:{string.Join('|', roots.Select(Regex.Escape))})(?:[/\\]|(?![\w.-]))", RegexOptions.CultureInvariant);
    }

    /// <summary>The folders that a process's settings name, those of the program and of temporary files.</summary>
    public static ServerPaths Create(PlatformOptions options) => new(
    [
        .. ModelCatalog.Create(options.ModelFolders).Folders,
        // A model that is named by its folder keeps the folder's name.
        .. options.Models.Where(Path.IsPathRooted).Select(model => Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(model)) ?? ""),
        .. AdapterCatalog.Create(options.AdapterFolders, takesPaths: false).Folders,
        options.DataFolder ?? PlatformOptions.DefaultDataFolder,
        options.ArtifactFolder ?? "",
        AppContext.BaseDirectory,
        Path.GetTempPath(),
    ]);

    /// <summary>A message with paths from these folders on.</summary>
    public string Hide(string message) => _roots is null ? message
        : _roots.Replace(message, match => match.ValueSpan[^1] is '/' or '\\' ? "" : Path.GetFileName(match.Value));
}
