using System.Text.RegularExpressions;

namespace Brownian.Import.Hub;

/// <summary>What is pulled: a repository of the hub, one file of it, or a file at another address.</summary>
public sealed partial record HubAddress
{
    /// <summary>The hub that is used when no other is configured.</summary>
    public static Uri Default { get; } = new("https://huggingface.co");

    /// <summary>The revision that is pulled when none is named.</summary>
    public const string DefaultRevision = "main";

    private HubAddress()
    {
    }

    /// <summary>The repository, as <c>OWNER/NAME</c>; null for a file at another address.</summary>
    public string? Repository { get; private init; }

    /// <summary>The branch, tag or commit; null where none is named.</summary>
    public string? Revision { get; init; }

    /// <summary>The path of one file of the repository; null for those that are needed.</summary>
    public string? File { get; init; }

    /// <summary>The address of a file that is on no hub; null for a repository.</summary>
    public Uri? Url { get; private init; }

    /// <summary>Whether it is one file, and not what a repository needs.</summary>
    public bool IsFile => Url is not null || File is not null;

    /// <summary>A name for the model: the repository's, or the file's without its extension.</summary>
    public string Name => IsFile ? Path.GetFileNameWithoutExtension(FileName) : Repository!.Split('/')[1];

    /// <summary>The name of the one file; empty for a repository.</summary>
    internal string FileName => Url is not null ? NameIn(Url) : File is null ? "" : File[(File.LastIndexOf('/') + 1)..];

    /// <summary>Reads the address of a hub.</summary>
    /// <param name="text">An https URL, or an http URL of this machine.</param>
    /// <returns>The address; null for other texts.</returns>
    public static Uri? ParseHub(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && IsAllowed(uri) && uri.Query.Length == 0 && uri.Fragment.Length == 0 ? uri : null;

    /// <summary>
    /// Reads an address: <c>OWNER/NAME</c>, <c>OWNER/NAME@REVISION</c>, the URL of a repository's page or of one of its files at the hub, or the
    /// https URL of a file elsewhere (http for this machine).
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="hub">The hub. Addresses at <see cref="Default"/> are read as those of this hub.</param>
    /// <returns>The address; null for other texts.</returns>
    public static HubAddress? Parse(string text, Uri hub)
    {
        if (!text.Contains("://", StringComparison.Ordinal))
        {
            int at = text.IndexOf('@', StringComparison.Ordinal);
            return OfRepository(at < 0 ? text : text[..at], at < 0 ? null : text[(at + 1)..], null);
        }
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? url) || !IsAllowed(url))
        {
            return null;
        }
        string path = url.AbsolutePath;
        if (IsAt(url, Default))
        {
            path = path[1..];
        }
        else if (IsAt(url, hub) && path.StartsWith(PathOf(hub), StringComparison.Ordinal))
        {
            path = path[PathOf(hub).Length..];
        }
        else
        {
            return new HubAddress { Url = url };
        }
        string[] segments = [.. path.TrimEnd('/').Split('/').Select(Uri.UnescapeDataString)];
        return segments switch
        {
            [var owner, var name] => OfRepository($"{owner}/{name}", null, null),
            [var owner, var name, "tree", var revision] => OfRepository($"{owner}/{name}", revision, null),
            [var owner, var name, "resolve" or "blob", var revision, .. { Length: > 0 } file] =>
                OfRepository($"{owner}/{name}", revision, string.Join('/', file)),
            _ => null,
        };
    }

    /// <summary>Returns whether a text can name a branch, a tag or a commit.</summary>
    public static bool IsRevision(string text) => text.Length is > 0 and <= 200 && !text.Any(char.IsControl)
        && text.Split('/').All(segment => segment.Length > 0 && segment != "." && !segment.Contains("..", StringComparison.Ordinal));

    /// <inheritdoc/>
    /// <remarks>A URL is written without its query, which can contain a secret.</remarks>
    public override string ToString() => Url is { } url ? url.GetLeftPart(UriPartial.Path)
        : Repository + (Revision is null ? "" : "@" + Revision) + (File is null ? "" : "/" + File);

    /// <summary>Returns the path of a hub, which ends with a slash.</summary>
    internal static string PathOf(Uri hub) => hub.AbsolutePath.EndsWith('/') ? hub.AbsolutePath : hub.AbsolutePath + "/";

    /// <summary>Returns whether two URLs are of the same server.</summary>
    internal static bool IsAt(Uri url, Uri server) =>
        url.Scheme == server.Scheme && url.Port == server.Port && string.Equals(url.IdnHost, server.IdnHost, StringComparison.OrdinalIgnoreCase);

    /// <summary>Returns whether a URL is one that is read: without a password, and encrypted unless it is of this machine.</summary>
    internal static bool IsAllowed(Uri url) =>
        url.UserInfo.Length == 0 && (url.Scheme == Uri.UriSchemeHttps || (url.Scheme == Uri.UriSchemeHttp && url.IsLoopback));

    private static HubAddress? OfRepository(string repository, string? revision, string? file) =>
        RepositoryName().IsMatch(repository) && !repository.Contains("..", StringComparison.Ordinal) && (revision is null || IsRevision(revision))
            && (file is null || HubFile.IsSafe(file))
            ? new HubAddress { Repository = repository, Revision = revision, File = file }
            : null;

    private static string NameIn(Uri url)
    {
        string name = Uri.UnescapeDataString(url.Segments[^1].TrimEnd('/'));
        return HubFile.IsSafe(name) && name == Path.GetFileName(name) && !name.StartsWith('.') ? name : "checkpoint";
    }

    [GeneratedRegex(@"\A[A-Za-z0-9_][A-Za-z0-9._-]{0,95}/[A-Za-z0-9_][A-Za-z0-9._-]{0,95}\z")]
    private static partial Regex RepositoryName();
}
