namespace Brownian.Import.Hub;

/// <summary>A file of a repository.</summary>
/// <param name="Path">Its path within the repository, with slashes.</param>
/// <param name="Size">Its length in bytes; null when the hub does not state it.</param>
/// <param name="Sha256">The SHA-256 of its content, in hexadecimal; null for files that the repository holds itself.</param>
/// <param name="BlobId">The SHA-1 of git's blob of the file, in hexadecimal; null when the hub does not state it.</param>
public sealed record HubFile(string Path, long? Size, string? Sha256, string? BlobId)
{
    private const int MaxPathLength = 1000;

    /// <summary>Returns whether a path stays within the folder that it is relative to, on every system.</summary>
    public static bool IsSafe(string path) => path.Length is > 0 and <= MaxPathLength
        && !path.Any(character => char.IsControl(character) || character is '\\' or ':')
        && path.Split('/').All(segment => segment.Length > 0 && segment is not ("." or ".."));
}
