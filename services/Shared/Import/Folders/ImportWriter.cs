using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Formats.Files;
using Brownian.Formats.Tensors;
using Brownian.Import.Weights;
using Brownian.Models.Families;
using Brownian.Models.Folders;

namespace Brownian.Import.Folders;

/// <summary>
/// Writes model folders. A folder appears under its name when it is complete. Until then it is a hidden folder beside it, which an import that was
/// stopped leaves: the next import of the same files continues with the first graph that is not complete.
/// </summary>
public static class ImportWriter
{
    private const string Manifest = "brownian.json", Unfinished = "unfinished";

    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true };

    /// <summary>Writes a checkpoint's model folder.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="folder">The folder, which must not exist.</param>
    /// <param name="progress">Receives what was written; null for nothing.</param>
    /// <param name="cancellationToken">Stops writing. The graphs that are complete stay for the next import.</param>
    /// <exception cref="ModelException">
    /// The folder exists or cannot be written, the checkpoint cannot be read, or it is no model of a supported family. Nothing is left behind.
    /// </exception>
    public static void Write(CheckpointSource source, string folder, IProgress<ImportProgress>? progress, CancellationToken cancellationToken)
    {
        string path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        RequireNew(folder);
        string unfinished = ImportLock.FolderOf(folder, Unfinished);
        ImportLock? taken = null;
        bool isStopped = false;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            RequireSpace(source, unfinished, folder);
            taken = ImportLock.Take(folder, Unfinished, source.Identity);
            WriteParts(source, unfinished, progress, cancellationToken);
            Describe(source, unfinished);
            taken.Complete(path);
        }
        catch (OperationCanceledException)
        {
            isStopped = true;
            throw;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{folder} cannot be written: {exception.Message}", exception);
        }
        finally
        {
            if (!isStopped)
            {
                taken?.Remove();
            }
            taken?.Dispose();
        }
    }

    /// <summary>Requires that a model's folder does not exist.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="ModelException">It exists.</exception>
    public static void RequireNew(string folder)
    {
        if (Path.Exists(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))))
        {
            throw new ModelException($"{folder} exists already; an import overwrites nothing. Remove it, or give the model another name");
        }
    }

    /// <summary>Requires that the disk has space for what is not written yet.</summary>
    private static void RequireSpace(CheckpointSource source, string unfinished, string folder)
    {
        long written = Directory.Exists(unfinished)
            ? Directory.EnumerateFiles(unfinished, "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length) : 0;
        DiskSpace.Require(folder, source.Bytes - written, DiskSpace.Left(Path.GetDirectoryName(unfinished)!));
    }

    private static void WriteParts(
        CheckpointSource source, string unfinished, IProgress<ImportProgress>? progress, CancellationToken cancellationToken)
    {
        foreach (ImportedFile file in source.Files)
        {
            string path = Path.Combine(unfinished, file.Name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using Stream content = file.Open();
            using FileStream written = File.Create(path);
            content.CopyTo(written);
        }
        long all = source.Bytes, before = 0;
        foreach (ImportedGraph graph in source.Graphs)
        {
            cancellationToken.ThrowIfCancellationRequested();
            string part = Path.Combine(unfinished, graph.Part);
            Directory.CreateDirectory(part);
            File.WriteAllText(Path.Combine(part, DiffusersFolder.Config), graph.Config);
            foreach ((string name, Parameter constant) in graph.Constants)
            {
                float[] numbers = constant.Read();
                NpyFile.Write(Path.Combine(part, name + ".npy"), new Tensor(numbers, [1, numbers.Length]));
            }
            // The graph is written after its weights, so where it is, they are complete.
            if (!File.Exists(Path.Combine(part, GraphBuilder.FileName)))
            {
                long done = before;
                graph.Graph.Save(
                    part,
                    progress is null ? null : bytes => progress.Report(new ImportProgress(graph.Part, done += bytes, all)),
                    cancellationToken);
            }
            before += graph.Graph.WeightBytes;
        }
    }

    /// <summary>Checks that the folder is a model of a supported family, and writes what is known of it.</summary>
    private static void Describe(CheckpointSource source, string unfinished)
    {
        var manifest = new JsonObject();
        if (!source.IsNetwork)
        {
            var model = ModelFolder.Open(unfinished);
            ModelFamilies.Require(model);
            manifest["family"] = ModelFamilies.NameOf(ModelFamilies.Read(model));
        }
        if (source.Title is { Length: > 0 } title)
        {
            manifest["title"] = title;
        }
        if (source.License is { } license)
        {
            manifest["license"] = license;
        }
        manifest["source"] = source.Source;
        // The two hashes are computed beside each other: each reads as many bytes as the other.
        Func<string>[] hashes = [() => Fingerprint(source, unfinished), .. source.IsFile ? (Func<string>[])[() => HashOf(source.Path)] : []];
        string[] hashed = Task.WhenAll(hashes.Select(Task.Run)).GetAwaiter().GetResult();
        manifest["fingerprint"] = hashed[0];
        if (hashed.Length > 1)
        {
            manifest["checkpoint_sha256"] = hashed[1];
        }
        File.WriteAllText(Path.Combine(unfinished, Manifest), manifest.ToJsonString(Readable) + "\n");
    }

    private static string HashOf(string path)
    {
        using FileStream file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    /// <summary>Returns the hash of the graphs, by whose names and lengths and bytes a model is the same wherever it was imported.</summary>
    private static string Fingerprint(CheckpointSource source, string unfinished)
    {
        using var whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (ImportedGraph graph in source.Graphs.OrderBy(graph => graph.Part, StringComparer.Ordinal))
        {
            foreach (string name in (string[])[GraphBuilder.FileName, WeightWriter.FileName])
            {
                using FileStream file = File.OpenRead(Path.Combine(unfinished, graph.Part, name));
                whole.AppendData(Encoding.UTF8.GetBytes($"{graph.Part}/{name}:{file.Length}\n"));
                whole.AppendData(SHA256.HashData(file));
            }
        }
        return Convert.ToHexStringLower(whole.GetHashAndReset());
    }
}
