using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Brownian.Formats.Files;
using Brownian.Models.Catalog;

namespace Brownian.Import.Hub;

/// <summary>
/// The downloaded files of one repository at one commit, or of one URL. Beside the folder of the files are the hub's description of the commit, and
/// the commits of the revisions that were asked for, so that a pull can be repeated without a network.
/// </summary>
internal sealed class PullFolder
{
    private const string Revisions = "revisions", Kept = ".kept", Json = ".json", Content = "file";

    private readonly string _entry;
    private readonly string _commit;

    private PullFolder(string entry, string commit)
    {
        (_entry, _commit) = (entry, commit);
        FilesFolder = Path.Combine(entry, commit);
    }

    /// <summary>The folder of the files, in the layout of the repository.</summary>
    public string FilesFolder { get; }

    /// <summary>Returns the folder of a commit.</summary>
    /// <param name="cache">The folder of all downloads.</param>
    /// <param name="repository">The repository.</param>
    /// <param name="commit">The commit.</param>
    public static PullFolder OfCommit(string cache, string repository, string commit) => new(EntryOf(cache, repository), commit);

    /// <summary>Returns the folder of a URL.</summary>
    /// <param name="cache">The folder of all downloads.</param>
    /// <param name="url">The URL.</param>
    public static PullFolder OfUrl(string cache, Uri url)
    {
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(url.AbsoluteUri)));
        return new PullFolder(Path.Combine(cache, $"{url.IdnHost.Replace(':', '-')}--{hash[..12]}"), Content);
    }

    /// <summary>Returns the description of a revision that was pulled before; null when there is none.</summary>
    /// <param name="cache">The folder of all downloads.</param>
    /// <param name="repository">The repository.</param>
    /// <param name="revision">The revision.</param>
    /// <exception cref="ModelException">The description is damaged.</exception>
    public static HubSnapshot? Recall(string cache, string repository, string revision)
    {
        string entry = EntryOf(cache, repository), remembered = RevisionFile(entry, revision);
        return File.Exists(remembered) && Path.Combine(entry, File.ReadAllText(remembered) + Json) is var description && File.Exists(description)
            ? HubSnapshot.Parse(repository, File.ReadAllBytes(description))
            : null;
    }

    /// <summary>Remembers the description of a revision.</summary>
    /// <param name="revision">The revision.</param>
    /// <param name="description">The hub's answer.</param>
    public void Remember(string revision, byte[] description)
    {
        Directory.CreateDirectory(FilesFolder);
        Directory.CreateDirectory(Path.Combine(_entry, Revisions));
        Replace(Path.Combine(_entry, _commit + Json), description);
        Replace(RevisionFile(_entry, revision), Encoding.UTF8.GetBytes(_commit));
        CacheEntries.Touch(_entry);
    }

    /// <summary>Returns the path of a file.</summary>
    /// <param name="path">Its path within the repository.</param>
    public string PathOf(string path) => Path.Combine(FilesFolder, Path.Combine(path.Split('/')));

    /// <summary>Returns whether a file is there, whole and checked.</summary>
    public bool Has(HubFile file) => new FileInfo(PathOf(file.Path)) is { Exists: true } there && (file.Size is null || there.Length == file.Size);

    /// <summary>Reads a JSON file; null when it is not there.</summary>
    /// <param name="path">Its path within the repository.</param>
    /// <exception cref="ModelException">It is damaged.</exception>
    public JsonObject? Read(string path) => JsonFile.ReadIfThere(PathOf(path));

    /// <summary>Notes that the files stay.</summary>
    public void Keep() => Replace(Path.Combine(_entry, _commit + Kept), []);

    /// <summary>Removes the files, unless an earlier pull was told to keep them.</summary>
    public void Release()
    {
        if (File.Exists(Path.Combine(_entry, _commit + Kept)) || !Directory.Exists(FilesFolder))
        {
            return;
        }
        Directory.Delete(FilesFolder, recursive: true);
        File.Delete(Path.Combine(_entry, _commit + Json));
        // Another commit's files, whole or not, stay.
        if (Directory.GetDirectories(_entry).All(folder => Path.GetFileName(folder) == Revisions))
        {
            Directory.Delete(_entry, recursive: true);
        }
    }

    private static string EntryOf(string cache, string repository) => Path.Combine(cache, repository.Replace("/", "--", StringComparison.Ordinal));

    private static string RevisionFile(string entry, string revision) => Path.Combine(entry, Revisions, Uri.EscapeDataString(revision));

    private static void Replace(string file, byte[] content)
    {
        string unfinished = string.Create(CultureInfo.InvariantCulture, $"{file}.{Environment.ProcessId}");
        File.WriteAllBytes(unfinished, content);
        File.Move(unfinished, file, overwrite: true);
    }
}
