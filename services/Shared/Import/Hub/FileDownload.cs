using System.Net;
using System.Security.Cryptography;
using System.Text;
using Brownian.Formats.Files;

namespace Brownian.Import.Hub;

/// <summary>
/// The download of one file. Its bytes go to a file with the end <c>.part</c>, beside which the tag of the content is remembered; the next try
/// continues there. The file gets its name when its length and hash are right.
/// </summary>
/// <param name="client">The client.</param>
/// <param name="file">The file. Its path is its name in messages.</param>
/// <param name="repository">The repository; null for a file that is on no hub.</param>
/// <param name="url">The file's address.</param>
/// <param name="target">The path of the complete file.</param>
internal sealed class FileDownload(HubClient client, HubFile file, string? repository, Uri url, string target)
{
    /// <summary>The end of the name of a file that is not complete.</summary>
    public const string PartEnd = ".part";

    /// <summary>After so many new bytes, the tries are counted anew.</summary>
    private const long Advance = 1 << 20;

    private const int BufferLength = 1 << 20;

    /// <summary>The first letter of a remembered tag: of the server that compares it, or of the hub that redirects to that server.</summary>
    private const char Own = '=', Linked = '>';

    private readonly string _part = target + PartEnd, _tag = target + PartEnd + ".etag";
    private long _received;

    /// <summary>The bytes that are there.</summary>
    public long Length => new FileInfo(_part) is { Exists: true } part ? part.Length : 0;

    /// <summary>Downloads what is missing, and checks the file.</summary>
    /// <param name="retries">How it is tried again.</param>
    /// <param name="progress">Receives the file's bytes that are there, and its length where it is known.</param>
    /// <param name="cancellationToken">Stops the download, which the next one continues.</param>
    /// <exception cref="ModelException">The file cannot be read or written, or its content is wrong; then it is removed.</exception>
    public async Task RunAsync(HubRetries retries, Action<long, long?> progress, CancellationToken cancellationToken)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            await using (var part = new FileStream(_part, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1))
            {
                await retries.RunAsync(
                    async stop =>
                    {
                        _received = 0;
                        await ReceiveAsync(part, progress, stop);
                        return true;
                    },
                    () => _received >= Advance,
                    cancellationToken);
                part.Flush(flushToDisk: true);
                await CheckAsync(part, cancellationToken);
            }
            File.Move(_part, target, overwrite: true);
            File.Delete(_tag);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{target} cannot be written: {exception.Message}", exception);
        }
    }

    private async Task ReceiveAsync(FileStream part, Action<long, long?> progress, CancellationToken cancellationToken)
    {
        // Bytes that no hash will check are continued only with a tag that says to which content they belong.
        string? tag = File.Exists(_tag) ? await File.ReadAllTextAsync(_tag, cancellationToken) : null;
        if (part.Length > file.Size || (tag is null && file.Sha256 is null && file.BlobId is null))
        {
            part.SetLength(0);
        }
        if (part.Length == file.Size)
        {
            progress(part.Length, file.Size);
            return;
        }
        while (true)
        {
            long from = part.Length;
            string? compared = from > 0 && tag is [Own, .. var own] ? own : null;
            using HubResponse response = await client.SendAsync(url, from > 0 ? from : null, compared, cancellationToken);
            bool isOther = tag is not null && response.Tag is not null && tag[1..] != response.Tag;
            if (from > 0 && (response.Message.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable
                || (response.IsPart && (isOther || response.Message.Content.Headers.ContentRange?.From != from))))
            {
                // The content has changed, or the server has other bytes than those that are wanted.
                Restart(part);
                tag = null;
                continue;
            }
            if (!response.Message.IsSuccessStatusCode)
            {
                throw client.Refusal(
                    response.Message, repository, repository is null ? $"There is no file {file.Path} at its URL" : $"it has no file {file.Path}");
            }
            if (from > 0 && !response.IsPart)
            {
                // The server gives the whole file.
                Restart(part);
            }
            if (response.Tag is { } stated)
            {
                await File.WriteAllTextAsync(_tag, (response.ComparedTag is null ? Linked : Own) + stated, cancellationToken);
            }
            await CopyAsync(response, part, progress, cancellationToken);
            return;
        }
    }

    private void Restart(FileStream part)
    {
        part.SetLength(0);
        File.Delete(_tag);
    }

    private async Task CopyAsync(HubResponse response, FileStream part, Action<long, long?> progress, CancellationToken cancellationToken)
    {
        long? length = file.Size ?? response.FileLength;
        part.Position = part.Length;
        byte[] buffer = new byte[BufferLength];
        if (response.FileLength is { } stated && stated != length)
        {
            int head = await response.ReadAsync(buffer, cancellationToken);
            throw Wrong(part, string.Create(CultureInfo.InvariantCulture, $"has {stated} bytes; announced: {length}"), buffer.AsSpan(0, head));
        }
        while (await response.ReadAsync(buffer, cancellationToken) is > 0 and int read)
        {
            await part.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            _received += read;
            if (part.Length > length)
            {
                throw Wrong(part, string.Create(CultureInfo.InvariantCulture, $"has more than the {length} bytes that are announced"), []);
            }
            progress(part.Length, length);
        }
        if (part.Length < length)
        {
            part.Position = 0;
            int head = await part.ReadAtLeastAsync(
                buffer.AsMemory(0, MistakenFile.HeadLength), MistakenFile.HeadLength, throwOnEndOfStream: false, cancellationToken);
            if (head > 0 && MistakenFile.Describe(buffer.AsSpan(0, head)) is { } mistaken)
            {
                throw Wrong(part, "is " + mistaken, []);
            }
            throw new HubException(string.Create(
                CultureInfo.InvariantCulture, $"The answer for {file.Path} ended after {part.Length} of {length} bytes"));
        }
    }

    private async Task CheckAsync(FileStream part, CancellationToken cancellationToken)
    {
        part.Position = 0;
        byte[] head = new byte[MistakenFile.HeadLength];
        int length = await part.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellationToken);
        part.Position = 0;
        if (file.Sha256 is { } sha256)
        {
            string found = Convert.ToHexStringLower(await SHA256.HashDataAsync(part, cancellationToken));
            if (found != sha256)
            {
                throw Wrong(part, $"has the SHA-256 {found}; announced: {sha256}", head.AsSpan(0, length));
            }
        }
        else if (file.BlobId is { } blob)
        {
            string found = await BlobIdOfAsync(part, blob.Length == 40 ? HashAlgorithmName.SHA1 : HashAlgorithmName.SHA256, cancellationToken);
            if (found != blob)
            {
                throw Wrong(part, $"has the hash {found} in git; announced: {blob}", head.AsSpan(0, length));
            }
        }
        else if (MistakenFile.Describe(head.AsSpan(0, length)) is { } mistaken)
        {
            throw Wrong(part, "is " + mistaken, []);
        }
    }

    /// <summary>Returns the id that git gives a file's content: the hash of a header and the content.</summary>
    private static async Task<string> BlobIdOfAsync(FileStream part, HashAlgorithmName algorithm, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(algorithm);
        hash.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {part.Length}\0")));
        byte[] buffer = new byte[BufferLength];
        while (await part.ReadAsync(buffer, cancellationToken) is > 0 and int read)
        {
            hash.AppendData(buffer, 0, read);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Removes the bytes that are there, and returns the error.</summary>
    private ModelException Wrong(FileStream part, string fault, ReadOnlySpan<byte> head)
    {
        part.Dispose();
        File.Delete(_part);
        File.Delete(_tag);
        string mistaken = !head.IsEmpty && MistakenFile.Describe(head) is { } kind ? $". The server sent {kind}" : "";
        return new ModelException($"{file.Path} is removed, because it {fault}{mistaken}");
    }
}
