using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Cli.Output;
using Brownian.Formats.Files;

namespace Brownian.Cli.Batch;

/// <summary>
/// The log of a batch in its folder: its id, and a line for each finished request with its files. A run that was stopped, or whose file has more
/// lines since, continues with the requests that are not in the log.
/// </summary>
internal sealed class BatchLog : IDisposable
{
    /// <summary>The name of the log.</summary>
    public const string FileName = "batch.jsonl";

    private readonly string _folder;
    private readonly Dictionary<string, string> _keyOfFile = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();
    private FileStream? _stream;

    private BatchLog(string folder, string batch) => (_folder, Batch) = (folder, batch);

    /// <summary>The batch's id.</summary>
    public string Batch { get; }

    private string FilePath => Path.Combine(_folder, FileName);

    /// <summary>Reads the log of a folder. Nothing is written yet.</summary>
    /// <exception cref="FieldFaultException">The log is another file.</exception>
    public static BatchLog Read(string folder)
    {
        string file = Path.Combine(folder, FileName);
        string[] lines;
        try
        {
            lines = File.Exists(file) ? File.ReadAllLines(file) : [];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new FieldFaultException(new FieldFault("--output", $"{file} cannot be read: {FileReason.Of(exception, file)}"));
        }
        string? batch = null;
        var log = new List<JsonObject>();
        for (int i = 0; i < lines.Length; i++)
        {
            JsonObject? entry = null;
            try
            {
                entry = JsonNode.Parse(lines[i]) as JsonObject;
            }
            catch (JsonException) when (i == lines.Length - 1 && i > 0)
            {
                // A run that died while it wrote its last line.
                continue;
            }
            catch (JsonException)
            {
                // As a line of another form.
            }
            if (entry is null || (i == 0 && (batch = entry["batch"]?.ToString()) is null))
            {
                throw new FieldFaultException(new FieldFault("--output", $"{file} is not the log of a batch; allowed: a folder without it"));
            }
            log.Add(entry);
        }
        var read = new BatchLog(folder, batch ?? Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)));
        foreach (JsonObject entry in log.Skip(1))
        {
            foreach (JsonNode? name in entry["files"] as JsonArray ?? [])
            {
                read._keyOfFile[name!.ToString()] = entry["key"]?.ToString() ?? "";
            }
        }
        return read;
    }

    /// <summary>Returns the files of a request that an earlier run finished and that still exist; null when it is to be run.</summary>
    public IReadOnlyList<string>? FindFiles(BatchRequest request)
    {
        string[] files =
        [
            .. _keyOfFile.Where(pair => pair.Value == request.Key && (pair.Key.StartsWith(request.Stem + ".", StringComparison.Ordinal)
                    || pair.Key.StartsWith(request.Stem + "-", StringComparison.Ordinal)))
                .Select(pair => pair.Key).Order(StringComparer.Ordinal),
        ];
        return files.Length > 0 && files.All(file => File.Exists(Path.Combine(_folder, file))) ? files : null;
    }

    /// <summary>Creates the log, or continues it after its last whole line.</summary>
    /// <exception cref="FieldFaultException">The folder cannot be written to.</exception>
    public void Begin()
    {
        ImageFiles.RequireFolder("--output", _folder);
        _stream = new FileStream(FilePath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        var known = new byte[_stream.Length];
        _stream.ReadExactly(known);
        _stream.SetLength(Array.LastIndexOf(known, (byte)'\n') + 1);
        _stream.Seek(0, SeekOrigin.End);
        if (_stream.Length == 0)
        {
            Write(new JsonObject { ["batch"] = Batch });
        }
    }

    /// <summary>Records a finished request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="files">The names of its files in the folder.</param>
    public void Add(BatchRequest request, IReadOnlyList<string> files)
    {
        lock (_lock)
        {
            Write(new JsonObject { ["key"] = request.Key, ["files"] = new JsonArray([.. files.Select(file => JsonValue.Create(file))]) });
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _stream?.Dispose();

    private void Write(JsonObject line)
    {
        _stream!.Write(Encoding.UTF8.GetBytes(line.ToJsonString() + "\n"));
        _stream.Flush(flushToDisk: true);
    }
}
