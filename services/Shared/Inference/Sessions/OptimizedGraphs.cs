using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;
using System.Text;
using Brownian.Adapters;
using Brownian.Formats.Files;
using Brownian.Models.Catalog;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Sessions;

/// <summary>
/// A cache of graphs in the form that the runtime gives them when it loads them on the CPU: optimised, with weights packed for the processor. Loading
/// that form maps its file into memory, where loading the graph itself reads, optimises and packs everything. The results are equal.
/// </summary>
/// <remarks>
/// The form depends on the processor, on the runtime's version, and on the weights, which adapters change. All three are in an entry's name, so that
/// an entry never fits anything else.
/// </remarks>
/// <param name="folder">The folder of the cache. It may not exist.</param>
/// <param name="makes">Whether forms that are missing are made when a graph is loaded. Otherwise those that are there are used.</param>
/// <param name="made">Receives what was made; null for nothing.</param>
public sealed class OptimizedGraphs(string folder, bool makes, IProgress<OptimizedGraph>? made = null)
{
    private const string GraphFile = "model.onnx", WeightsFile = "model.onnx_data";

    /// <summary>Weights of fewer bytes are stored in the graph.</summary>
    private const string LeastExternalBytes = "1024";

    /// <summary>How much of a file of weights the name of an entry depends on: so many pieces of so many bytes, evenly spread.</summary>
    private const int Samples = 256, SampleBytes = 4096;

    /// <summary>Returns the optimised form of a graph: one that was there, or one that is made now; null for none.</summary>
    /// <param name="file">The graph's file.</param>
    /// <param name="adapters">The key of the adapters that change its weights (<see cref="AdapterSet.KeyOf"/>); empty for none.</param>
    /// <param name="load">Loads the graph into a session with some options, and disposes both.</param>
    internal string? Find(string file, string adapters, Action<SessionOptions> load)
    {
        if (!makes && !Directory.Exists(folder))
        {
            return null;
        }
        try
        {
            string entry = Path.Combine(folder, KeyOf(file, adapters)), form = Path.Combine(entry, GraphFile);
            if (!File.Exists(form))
            {
                if (!makes)
                {
                    return null;
                }
                Make(file, entry, load);
            }
            CacheEntries.Touch(entry);
            return form;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"the optimised form of {file} cannot be kept in {folder}: {exception.Message}", exception);
        }
    }

    /// <summary>Sets the options of a session that loads an optimised form.</summary>
    internal static void Use(SessionOptions options) => options.GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL;

    /// <summary>Removes a damaged form.</summary>
    internal static void Remove(string form) => Directory.Delete(Path.GetDirectoryName(form)!, recursive: true);

    private static string KeyOf(string file, string adapters)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        AppendMachine(hash);
        AppendFiles(hash, file);
        Append(hash, adapters);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Appends what the packed form of weights depends on, besides the weights.</summary>
    private static void AppendMachine(IncrementalHash hash)
    {
        Append(hash, $"{OrtEnv.Instance().GetVersionString()} {RuntimeInformation.RuntimeIdentifier}\n");
        if (X86Base.IsSupported)
        {
            // Family and features: leaves 1, 7.0 and 7.1. Leaf 1 also has the number of the processor, which is left out.
            (int family, _, int features, int more) = X86Base.CpuId(1, 0);
            Append(hash, string.Create(
                CultureInfo.InvariantCulture, $"{family} {features} {more} {X86Base.CpuId(7, 0)} {X86Base.CpuId(7, 1)}\n"));
        }
        else if (File.Exists("/proc/cpuinfo"))
        {
            foreach (string line in File.ReadLines("/proc/cpuinfo").TakeWhile(line => line.Length > 0))
            {
                Append(hash, line.StartsWith("processor", StringComparison.Ordinal) ? "" : line + "\n");
            }
        }
    }

    /// <summary>
    /// Appends names, lengths, times and pieces of the files of a graph. Weights of gigabytes are not read whole at every start; files that differ
    /// have other times, or weights that differ nearly everywhere.
    /// </summary>
    private static void AppendFiles(IncrementalHash hash, string graph)
    {
        byte[] piece = new byte[SampleBytes];
        foreach (FileInfo file in new DirectoryInfo(Path.GetDirectoryName(graph)!).EnumerateFiles().OrderBy(file => file.Name, StringComparer.Ordinal)
            .Where(file => file.Name == Path.GetFileName(graph) || file.Extension is not (".json" or ".onnx" or ".npy")))
        {
            using FileStream stream = file.OpenRead();
            Append(hash, string.Create(CultureInfo.InvariantCulture, $"{file.Name} {stream.Length} {file.LastWriteTimeUtc.Ticks}\n"));
            long step = Math.Max(SampleBytes, stream.Length / Samples);
            for (long position = 0; position < stream.Length; position += step)
            {
                stream.Position = position;
                hash.AppendData(piece, 0, stream.ReadAtLeast(piece, piece.Length, throwOnEndOfStream: false));
            }
        }
    }

    private static void Append(IncrementalHash hash, string text) => hash.AppendData(Encoding.UTF8.GetBytes(text));

    private void Make(string file, string entry, Action<SessionOptions> load)
    {
        long start = Stopwatch.GetTimestamp();
        string unfinished = Path.Combine(folder, $".{Path.GetFileName(entry)}.{Guid.NewGuid():n}");
        Directory.CreateDirectory(unfinished);
        try
        {
            RequireSpace(file);
            var options = new SessionOptions { OptimizedModelFilePath = Path.Combine(unfinished, GraphFile) };
            options.AddSessionConfigEntry("session.save_external_prepacked_constant_initializers", "1");
            options.AddSessionConfigEntry("session.optimized_model_external_initializers_file_name", WeightsFile);
            options.AddSessionConfigEntry("session.optimized_model_external_initializers_min_size_in_bytes", LeastExternalBytes);
            load(options);
            if (!Directory.Exists(entry))
            {
                Directory.Move(unfinished, entry);
            }
        }
        catch (IOException) when (Directory.Exists(entry))
        {
            // Another process has made it meanwhile.
        }
        finally
        {
            if (Directory.Exists(unfinished))
            {
                Directory.Delete(unfinished, recursive: true);
            }
        }
        made?.Report(new OptimizedGraph(
            file, entry, new DirectoryInfo(entry).EnumerateFiles().Sum(part => part.Length), Stopwatch.GetElapsedTime(start)));
    }

    /// <summary>Requires that the disk has space for the form. It has every weight packed, and some also as they were, where both are used.</summary>
    private void RequireSpace(string file)
    {
        long most = new DirectoryInfo(Path.GetDirectoryName(file)!).EnumerateFiles().Where(part => part.Extension is not (".json" or ".npy"))
            .Sum(part => part.Length) * 3 / 2;
        if (DiskSpace.Shortage(most, DiskSpace.Left(folder)) is { } shortage)
        {
            throw new IOException($"it {shortage}");
        }
    }
}
