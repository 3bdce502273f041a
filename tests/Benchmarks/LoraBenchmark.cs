using System.Diagnostics;
using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Diffusion.Schedulers;
using Brownian.Formats.Tensors;
using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Models.Folders;
using Brownian.Requests.References;

namespace Brownian.Benchmarks;

/// <summary>The memory of a process that uses one LoRA set after the other, and the time of each set. Linux only.</summary>
internal static class LoraBenchmark
{
    private const int Sets = 50;
    private const int Tokens = 77;

    private static readonly int[] Reported = [1, 2, 3, 5, 10, 20, 30, 40, 50];

    /// <summary>Measures a model's UNet.</summary>
    /// <param name="folder">The model's folder; only its UNet is loaded.</param>
    /// <param name="memoryLimit">Bytes of graph files to keep loaded; null for four fifths of the memory.</param>
    public static async Task RunAsync(string folder, long? memoryLimit)
    {
        ModelFolder model = ModelFolder.Open(folder);
        GraphFile unet = model.Require("unet");
        ModuleWeight[] attention =
        [
            .. GraphWeights.Read(unet.File).Modules.Values
                .Where(module => module.Module.Contains(".attn", StringComparison.Ordinal) && module.Obstacle is null)
                .OrderBy(module => module.Module, StringComparer.Ordinal),
        ];
        string loras = Directory.CreateTempSubdirectory("brownian-loras-").FullName;
        try
        {
            for (int set = 1; set <= Sets; set++)
            {
                LoraFileWriter.Write(Path.Combine(loras, Name(set)), attention, rank: 4 + set % 5, isKohya: set % 2 == 0, (ulong)set);
            }
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{Sets} LoRAs for {attention.Length} modules, "
                    + $"{attention.Sum(module => module.Rows * module.Columns) * sizeof(float) >> 20} MiB of weights in float32"));
            using var engines = new LocalEngines([model], new SessionSettings(), memoryLimit, new AdapterCatalog([loras], takesPaths: false));
            await engines.FingerprintAsync(model.Name);
            DenoiseTask task = Smallest(unet);
            Console.WriteLine($"{"sets",5}{"resident MiB",14}{"of files",10}{"own",8}{"managed",9}{"peak",8}{"graphs",8}{"load s",8}{"run s",7}");
            Print(0, engines, 0, 0);
            for (int set = 1; set <= Sets; set++)
            {
                var references = new AdapterReferences { Loras = [new LoraReference(Name(set), 0.8)] };
                long start = Stopwatch.GetTimestamp();
                using EngineLease<IDenoiser> lease = await engines.DenoiserAsync(model.Name, null, null, references, [], CancellationToken.None);
                double load = Stopwatch.GetElapsedTime(start).TotalSeconds;
                start = Stopwatch.GetTimestamp();
                await lease.Engine.DenoiseAsync([task], null, CancellationToken.None);
                if (Reported.Contains(set))
                {
                    Print(set, engines, load, Stopwatch.GetElapsedTime(start).TotalSeconds);
                }
            }
        }
        finally
        {
            Directory.Delete(loras, recursive: true);
        }
    }

    private static string Name(int set) => string.Create(CultureInfo.InvariantCulture, $"set{set:00}.safetensors");

    /// <summary>One evaluation on 64x64 pixels, after which the session has allocated the memory of its first run.</summary>
    private static DenoiseTask Smallest(GraphFile unet)
    {
        int width = unet.Integer("cross_attention_dim") ?? 768, channels = unet.Integer("in_channels") ?? 4;
        return new DenoiseTask
        {
            LatentShape = [channels, 8, 8],
            Embedding = new Tensor(new float[Tokens * width], [1, Tokens, width]),
            Scheduler = new JsonObject { ["_class_name"] = "EulerDiscreteScheduler" },
            Sampling = new SamplingOptions { Steps = 1 },
            Seed = 1,
        };
    }

    private static void Print(int set, LocalEngines engines, double load, double run)
    {
        Dictionary<string, long> status = File.ReadLines("/proc/self/status")
            .Select(line => line.Split(':', StringSplitOptions.TrimEntries))
            .Where(pair => pair[1].EndsWith(" kB", StringComparison.Ordinal))
            .ToDictionary(pair => pair[0], pair => long.Parse(pair[1][..^3], CultureInfo.InvariantCulture) >> 10, StringComparer.Ordinal);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{set,5}{status["VmRSS"],14}{status["RssFile"],10}{status["RssAnon"],8}{GC.GetGCMemoryInfo().TotalCommittedBytes >> 20,9}"
                + $"{status["VmHWM"],8}{engines.Loaded.Count,8}{load,8:0.0}{run,7:0.0}"));
    }
}
