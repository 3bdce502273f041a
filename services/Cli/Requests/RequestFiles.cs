using System.Text.Json.Nodes;
using Brownian.Client;
using Brownian.Formats.Files;
using Brownian.Requests;

namespace Brownian.Cli.Requests;

/// <summary>The images and latents that a request names by paths, relative to the request file's folder if there is one.</summary>
/// <param name="folder">The request file's folder; empty for the current folder.</param>
internal sealed class RequestFiles(string folder)
{
    private const string DataScheme = "data:";
    private const string Base64 = ";base64,";

    private readonly Dictionary<string, string> _uploads = new(StringComparer.Ordinal);

    /// <summary>The files read so far, by id: a hash of their bytes.</summary>
    public Dictionary<string, ReadOnlyMemory<byte>> Known { get; } = new(StringComparer.Ordinal);

    /// <summary>Reads a file that a request names.</summary>
    /// <exception cref="InvalidDataException">The file cannot be read; the message is to be appended to the field's name.</exception>
    public async Task<(string Id, ReadOnlyMemory<byte> File)> FindAsync(string named, CancellationToken cancellationToken)
    {
        byte[] bytes = named.StartsWith(DataScheme, StringComparison.OrdinalIgnoreCase) ? Decode(named) : await ReadAsync(named, cancellationToken);
        string id = RequestImages.ContentOf(bytes);
        Known[id] = bytes;
        return (id, bytes);
    }

    /// <summary>
    /// Uploads the files that a request names by path, and replaces the paths by the uploads' ids. A file that several requests name is uploaded
    /// once.
    /// </summary>
    /// <param name="request">The request's fields.</param>
    /// <param name="client">The gateway.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="FieldFaultException">A file cannot be read.</exception>
    public async Task UploadAsync(JsonObject request, BrownianClient client, CancellationToken cancellationToken)
    {
        var faults = new List<FieldFault>();
        var files = new List<(JsonValue Value, byte[] Bytes)>();
        foreach ((string field, JsonValue value, string path) in PathsIn(request))
        {
            try
            {
                files.Add((value, await ReadAsync(path, cancellationToken)));
            }
            catch (InvalidDataException exception)
            {
                faults.Add(new FieldFault(field, exception.Message));
            }
        }
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
        foreach ((JsonValue value, byte[] bytes) in files)
        {
            string content = RequestImages.ContentOf(bytes);
            if (!_uploads.TryGetValue(content, out string? id))
            {
                _uploads[content] = id = (await client.UploadAsync(new MemoryStream(bytes), cancellationToken)).Id;
            }
            value.ReplaceWith(id);
        }
    }

    /// <summary>Replaces the paths in a request by full paths, so that it is valid in any folder.</summary>
    public void Locate(JsonObject request)
    {
        foreach ((_, JsonValue value, string path) in PathsIn(request).ToArray())
        {
            value.ReplaceWith(Path.GetFullPath(Located(path)));
        }
    }

    private static IEnumerable<(string Field, JsonValue Value, string Path)> PathsIn(JsonObject request)
    {
        foreach ((string field, JsonValue value) in RequestSchema.FilesIn(request))
        {
            if (value.TryGetValue(out string? path) && IsPath(path))
            {
                yield return (field, value, path);
            }
        }
    }

    // No path has a zero character: such a name is refused when it is read.
    private static bool IsPath(string named) =>
        !named.Contains('\0', StringComparison.Ordinal) && !named.StartsWith(DataScheme, StringComparison.OrdinalIgnoreCase)
            && !(named.StartsWith("up_", StringComparison.Ordinal) && !File.Exists(named));

    private static byte[] Decode(string url)
    {
        int comma = url.IndexOf(Base64, StringComparison.OrdinalIgnoreCase);
        try
        {
            return comma < 0 ? throw new FormatException() : Convert.FromBase64String(url[(comma + Base64.Length)..]);
        }
        catch (FormatException)
        {
            throw new InvalidDataException("is a data URL that is not base64; allowed: data:image/png;base64,...");
        }
    }

    private string Located(string named) => Path.IsPathRooted(named) || File.Exists(named) ? named : Path.Combine(folder, named);

    private async Task<byte[]> ReadAsync(string named, CancellationToken cancellationToken)
    {
        try
        {
            return await File.ReadAllBytesAsync(Located(named), cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new InvalidDataException($"\"{named}\" cannot be read: {FileReason.Of(exception, Located(named))}");
        }
    }
}
