using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Formats.Files;
using Brownian.Models.Catalog;

namespace Brownian.Import.Folders;

/// <summary>
/// Model folders that were imported from single files when the files were used as models. A folder's name has the hash of the file's content, so
/// that a file is imported once, wherever it is and whatever its name.
/// </summary>
/// <param name="folder">The folder of the cache. It may not exist.</param>
public sealed class ImportCache(string folder)
{
    private const string Hashes = ".hashes.json";

    private const int HashLetters = 12;

    /// <summary>The ends of the names of files that are imported.</summary>
    internal static readonly string[] Extensions = [".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf"];

    /// <summary>Returns whether a model that a caller names is a file that can be imported.</summary>
    public static bool IsFile(string model) => Extensions.Contains(Path.GetExtension(model), StringComparer.Ordinal) && File.Exists(model);

    /// <summary>Returns the model folder of a file, and imports the file when there is none yet.</summary>
    /// <param name="file">The file.</param>
    /// <param name="starts">Called with the model's folder before the file is imported.</param>
    /// <param name="progress">Receives what was written; null for nothing.</param>
    /// <param name="cancellationToken">Stops the import, which the next one continues.</param>
    /// <exception cref="ModelException">The file cannot be imported.</exception>
    public string Open(string file, Action<string> starts, IProgress<ImportProgress>? progress, CancellationToken cancellationToken)
    {
        string hash = HashOf(Path.GetFullPath(file), cancellationToken);
        string model = Find(hash) ?? Path.Combine(folder, $"{Path.GetFileNameWithoutExtension(file).TrimStart('.')}-{hash[..HashLetters]}");
        if (!Directory.Exists(model))
        {
            using var source = CheckpointSource.Open(file, new ImportSettings(null, new GraphOptions()));
            starts(model);
            ImportWriter.Write(source, model, progress, cancellationToken);
        }
        CacheEntries.Touch(model);
        return model;
    }

    private string? Find(string hash) => !Directory.Exists(folder) ? null
        : Directory.GetDirectories(folder, $"*-{hash[..HashLetters]}").FirstOrDefault(found => !Path.GetFileName(found).StartsWith('.'));

    /// <summary>Returns the hash of a file's content, which is remembered by the file's length and time.</summary>
    private string HashOf(string file, CancellationToken cancellationToken)
    {
        string memory = Path.Combine(folder, Hashes);
        try
        {
            var info = new FileInfo(file);
            string state = string.Create(CultureInfo.InvariantCulture, $"{info.Length} {info.LastWriteTimeUtc.Ticks} ");
            JsonObject known = ReadHashes(memory);
            if (known[file] is JsonValue value && value.TryGetValue(out string? text) && text.StartsWith(state, StringComparison.Ordinal))
            {
                return text[state.Length..];
            }
            using FileStream stream = File.OpenRead(file);
            string hash = Convert.ToHexStringLower(SHA256.HashDataAsync(stream, cancellationToken).AsTask().GetAwaiter().GetResult());
            known[file] = state + hash;
            Directory.CreateDirectory(folder);
            string unfinished = $"{memory}.{Environment.ProcessId}";
            File.WriteAllText(unfinished, known.ToJsonString());
            File.Move(unfinished, memory, overwrite: true);
            return hash;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{file} cannot be imported: {exception.Message}", exception);
        }
    }

    /// <summary>Reads the remembered hashes; none when the file is missing or damaged, because they can be computed again.</summary>
    private static JsonObject ReadHashes(string memory)
    {
        try
        {
            return File.Exists(memory) ? JsonNode.Parse(File.ReadAllText(memory)) as JsonObject ?? [] : [];
        }
        catch (JsonException)
        {
            return [];
        }
    }
}
