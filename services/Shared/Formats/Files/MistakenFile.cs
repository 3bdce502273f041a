using System.Text;

namespace Brownian.Formats.Files;

/// <summary>Identifies a file that was saved under the wrong name, as downloads do when they return a web page or a pointer file instead.</summary>
public static class MistakenFile
{
    /// <summary>The number of a file's first bytes that are examined.</summary>
    public const int HeadLength = 512;

    private static readonly (byte[] First, string Name)[] Packed =
    [
        ([0x1F, 0x8B, 8], "a gzip file"),
        ([.. "Rar!"u8, 0x1A, 7], "a RAR archive"),
        ([.. "7z"u8, 0xBC, 0xAF, 0x27, 0x1C], "a 7-Zip archive"),
    ];

    /// <summary>Describes the file.</summary>
    /// <param name="head">The file's first bytes, <see cref="HeadLength"/> if it has that many.</param>
    /// <returns>The continuation of a sentence after "is "; null when no known kind is recognised.</returns>
    public static string? Describe(ReadOnlySpan<byte> head)
    {
        head = head[..Math.Min(head.Length, HeadLength)];
        if (head.IsEmpty)
        {
            return "an empty file: the download or the copy did not finish";
        }
        if (head.StartsWith("version https://git-lfs"u8) || head.StartsWith("version https://hawser"u8))
        {
            return "a Git LFS pointer, which refers to the file and does not contain it: run git lfs pull, or download the file itself";
        }
        if (head.StartsWith("/annex/objects/"u8) || Encoding.Latin1.GetString(head).Contains("/.git/annex/objects/", StringComparison.Ordinal))
        {
            return "a git-annex pointer, which refers to the file and does not contain it: run git annex get, or download the file itself";
        }
        foreach ((byte[] first, string name) in Packed)
        {
            if (head.StartsWith(first))
            {
                return $"{name}: unpack it";
            }
        }
        ReadOnlySpan<byte> mark = [0xEF, 0xBB, 0xBF];
        string text = Encoding.Latin1.GetString(head.StartsWith(mark) ? head[3..] : head).TrimStart();
        return StartsWith("<!doctype html") || StartsWith("<html") || StartsWith("<head") || StartsWith("<!--")
            && text.Contains("<html", StringComparison.OrdinalIgnoreCase)
            ? "a web page (HTML): the address that it was downloaded from answered with a page, often one that asks to log in or to accept a licence"
            : StartsWith("<?xml") ? "an XML document, which may be an error message of a download service: download the file again"
            : StartsWith("{\"error") || StartsWith("{\"message") || StartsWith("{\"detail")
            ? "a JSON error message of a download service: download the file again"
            : StartsWith("Entry not found") || StartsWith("Access to model") || StartsWith("Invalid username or password")
                || StartsWith("Repository not found")
                ? "an error message of a download service: download the file again"
            : null;

        bool StartsWith(string beginning) => text.StartsWith(beginning, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Applies <see cref="Describe"/> to a file on disk; null when it cannot be read.</summary>
    public static string? DescribeFile(string file)
    {
        try
        {
            using FileStream stream = File.OpenRead(file);
            var head = new byte[HeadLength];
            return Describe(head.AsSpan(0, stream.ReadAtLeast(head, HeadLength, throwOnEndOfStream: false)));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
