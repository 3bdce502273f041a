using System.Diagnostics;
using System.Text.Json.Nodes;
using Brownian.Import.Tests;
using Brownian.Import.Tests.MadeUp;

namespace Brownian.Benchmarks;

/// <summary>
/// Imports of checkpoints at real size, with made-up weights in the exact names and shapes, and a picture of each. Linux only: memory is the
/// system's figure.
/// </summary>
internal static class ImportBenchmark
{
    /// <summary>What an import may use in memory: its tensors are never whole there.</summary>
    private const int MaxMebibytes = 500;

    private static readonly Checkpoint[] All =
    [
        new("sd15-file", "Stable Diffusion 1.5, one file, float32", 4.3, 4.3, 4, path =>
            WriteFile(path, MadeUpModel.StableDiffusion15, isHalf: false), IsQuantized: true),
        new("sd15-folder", "Stable Diffusion 1.5, diffusers folder, float16", 2.2, 4.3, 4, WriteFolder),
        new("sdxl-file", "Stable Diffusion XL base, one file, float16", 6.9, 13.9, 2, path =>
            WriteFile(path, MadeUpModel.StableDiffusionXl, isHalf: true)),
        new("flux-folder", "Flux, 2 of 19 and 4 of 38 blocks, diffusers folder, float16", 4.3, 9, 2, WriteFlux),
    ];

    /// <summary>Writes, copies, imports and uses checkpoints, and prints a row for each.</summary>
    /// <param name="folder">Where files are written; emptied after each checkpoint.</param>
    /// <param name="names">The checkpoints; all when empty.</param>
    /// <exception cref="InvalidOperationException">A run failed, an import used too much memory, or the disk is too small.</exception>
    public static async Task RunAsync(string folder, string[] names)
    {
        Checkpoint[] checkpoints = names.Length == 0 ? All : Array.ConvertAll(names, Find);
        var imports = new List<string>();
        var pictures = new List<string>();
        foreach (Checkpoint checkpoint in checkpoints)
        {
            string own = Path.Combine(folder, checkpoint.Name);
            Directory.CreateDirectory(own);
            try
            {
                (string import, List<string> made) = await MeasureAsync(checkpoint, own);
                imports.Add(import);
                pictures.AddRange(made);
            }
            finally
            {
                Directory.Delete(own, recursive: true);
            }
        }
        Print("| checkpoint | size | file copy | import | ratio | highest memory | model |", imports);
        Print("| model, 512x512 | first evaluation begins after | step | from the last step to the file | highest memory | own |", pictures);
    }

    private static void Print(string head, List<string> rows)
    {
        Console.WriteLine(head);
        Console.WriteLine(string.Concat(Enumerable.Repeat("|---", head.Count(letter => letter == '|') - 1)) + "|");
        rows.ForEach(Console.WriteLine);
        Console.WriteLine();
    }

    /// <summary>Writes a checkpoint, and returns its path.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="path">The path, without an extension.</param>
    /// <exception cref="InvalidOperationException">There is none of that name.</exception>
    public static string Write(string name, string path) => Find(name).Write(path);

    private static Checkpoint Find(string name) => Array.Find(All, checkpoint => checkpoint.Name == name) ?? throw new InvalidOperationException(
        $"{name} is unknown; known: {string.Join(", ", All.Select(checkpoint => checkpoint.Name))}");

    private static async Task<(string Import, List<string> Pictures)> MeasureAsync(Checkpoint checkpoint, string folder)
    {
        // The file, its copy, the model in float32, and its optimised form; the form of the largest graphs is made beside it.
        double needed = checkpoint.Gigabytes * 2 + checkpoint.ModelGigabytes * 2.5, free = new DriveInfo(folder).AvailableFreeSpace / 1e9;
        Console.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{checkpoint.Name} needs {needed:0} GB of the disk's {free:0} GB while it is measured"));
        if (needed > free)
        {
            throw new InvalidOperationException($"the disk of {folder} is too small");
        }
        string source = checkpoint.Write(Path.Combine(folder, "made-up")), model = Path.Combine(folder, "model");
        double gigabytes = SizeOf(source), copy = Copy(source, Path.Combine(folder, "copy"));
        MeasuredRun import = await RunAsync("import", source, "--name", "model", "--to", folder);
        if (import.PeakMebibytes > MaxMebibytes)
        {
            throw new InvalidOperationException($"the import of {checkpoint.Name} used {import.PeakMebibytes} MiB");
        }
        string row = string.Create(
            CultureInfo.InvariantCulture,
            $"| {checkpoint.Description} | {gigabytes:0.0} GB | {copy:0.0} s | {import.Seconds:0.0} s | {import.Seconds / copy:0.0} "
                + $"| {import.PeakMebibytes} MiB | {SizeOf(model):0.0} GB |");
        var pictures = new List<string>();
        if (checkpoint.IsQuantized)
        {
            await RunAsync("import", source, "--name", "int8", "--to", folder, "--precision", "int8");
        }
        Delete(source);
        pictures.AddRange(await MeasurePicturesAsync(checkpoint, folder, "model", checkpoint.Description));
        if (checkpoint.IsQuantized)
        {
            pictures.AddRange(await MeasurePicturesAsync(checkpoint, folder, "int8", checkpoint.Description + ", int8"));
        }
        return (row, pictures);

        Task<MeasuredRun> RunAsync(params string[] arguments) => MeasuredRun.OfAsync(Environment(folder), arguments);
    }

    private static async Task<List<string>> MeasurePicturesAsync(Checkpoint checkpoint, string folder, string model, string description)
    {
        var rows = new List<string>();
        foreach ((string how, string[] options) in ((string, string[])[])
            [("", []), (", optimised forms are made", ["--optimize"]), (", optimised", []), (", optimised, `--low-memory`", ["--low-memory"])])
        {
            MeasuredRun picture = await MeasuredRun.OfAsync(
                Environment(folder),
                [
                    "generate", "a lighthouse in a storm", "--model", Path.Combine(folder, model), "--seed", "7", "--steps",
                    Text(checkpoint.Steps), "--size", "512x512", "-o", Path.Combine(folder, "picture.png"), .. options,
                ]);
            double[] ends = [.. picture.Lines.Where(line => line.Line.StartsWith("step ", StringComparison.Ordinal)).Select(line => line.Seconds)];
            double step = ends.Zip(ends.Skip(1), (one, next) => next - one).Order().ElementAt((ends.Length - 1) / 2);
            rows.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"| {description}{how} | {ends[0] - step:0.0} s | {step:0.00} s | {picture.Seconds - ends[^1]:0.0} s "
                    + $"| {picture.PeakMebibytes / 1024.0:0.0} GiB | {picture.OwnMebibytes / 1024.0:0.0} GiB |"));
        }
        return rows;
    }

    /// <summary>The user's folder, so that caches are the measurement's own.</summary>
    private static Dictionary<string, string> Environment(string folder) => new() { ["XDG_DATA_HOME"] = Path.Combine(folder, "data") };

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static void Delete(string path)
    {
        if (Directory.Exists(path))
        {
            Directory.Delete(path, recursive: true);
        }
        else
        {
            File.Delete(path);
        }
    }

    /// <summary>Copies a file or a folder to the disk, and returns the time in seconds.</summary>
    private static double Copy(string source, string target)
    {
        long start = Stopwatch.GetTimestamp();
        foreach (string file in FilesOf(source))
        {
            string copy = Path.Combine(target, Path.GetRelativePath(Path.GetDirectoryName(source)!, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            using FileStream from = File.OpenRead(file), to = File.Create(copy);
            from.CopyTo(to, 1 << 20);
            to.Flush(flushToDisk: true);
        }
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Directory.Delete(target, recursive: true);
        return seconds;
    }

    private static double SizeOf(string path) => FilesOf(path).Sum(file => new FileInfo(file).Length) / 1e9;

    private static string[] FilesOf(string path) => Directory.Exists(path) ? Directory.GetFiles(path, "*", SearchOption.AllDirectories) : [path];

    private static string WriteFile(string path, MadeUpModel model, bool isHalf)
    {
        MadeUpCheckpoint.WriteFile(path + ".safetensors", model, isHalf);
        return path + ".safetensors";
    }

    private static string WriteFolder(string path)
    {
        MadeUpModel model = MadeUpModel.StableDiffusion15;
        return WriteFolder(path, "tiny-sd15", new() { ["unet"] = model.Unet, ["vae"] = model.Vae, ["text_encoder"] = model.Text });
    }

    private static string WriteFlux(string path) => WriteFolder(path, "tiny-flux-dev", new()
    {
        ["transformer"] = Json(
            """
            {
              "num_layers": 2, "num_single_layers": 4, "num_attention_heads": 24, "attention_head_dim": 128, "in_channels": 64,
              "joint_attention_dim": 4096, "pooled_projection_dim": 768, "axes_dims_rope": [16, 56, 56]
            }
            """),
        ["text_encoder"] = MadeUpModel.StableDiffusion15.Text,
        ["text_encoder_2"] = Json("""{ "d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 2, "num_heads": 64 }"""),
        ["vae"] = Json("""{ "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2, "latent_channels": 16, "norm_num_groups": 32 }"""),
    });

    private static string WriteFolder(string path, string template, Dictionary<string, JsonObject> changes)
    {
        using var checkpoints = new Checkpoints();
        MadeUpCheckpoint.WriteFolder(path, checkpoints.Folder(template), changes, isHalf: true);
        return path;
    }

    private static JsonObject Json(string text) => JsonNode.Parse(text)!.AsObject();

    private sealed record Checkpoint(string Name, string Description, double Gigabytes, double ModelGigabytes, int Steps, Func<string, string> Write,
        bool IsQuantized = false);
}
