using System.IO.Hashing;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Noise;
using Brownian.Fuzzing.Tests.Engine;
using Brownian.Inference.Engines;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>Checkpoints of denoising runs, which workers read from the store, and generators' states.</summary>
internal sealed class SavedRunTarget : FuzzTarget
{
    private const string Whole = "run", Generator = "generator";

    private static readonly DenoiseTask Task = new()
    {
        LatentShape = [4, 2, 2],
        Scheduler = new JsonObject { ["_class_name"] = "DPMSolverMultistepScheduler" },
        Sampling = new() { Steps = 4 },
        Embedding = FilledContracts.Floats(1, 2, 3),
        Seed = 5,
    };

    public override int CasesPerSecond => 3000;

    public override IReadOnlyList<string> Tokens => ["brownian-denoising", "torch-cpu", "float32", "scheduler", "_class_name"];

    public override IEnumerable<FuzzInput> Seeds()
    {
        yield return new FuzzInput(Whole, RunState.Save(new DenoiseRun(Task)));
        yield return new FuzzInput(Generator, RunState.SaveGenerator(new TorchCpuGenerator(7)));
        yield return new FuzzInput(Generator, RunState.SaveGenerator(new PhiloxGenerator(1)));
    }

    /// <summary>Writes the hash of the content behind it.</summary>
    public override byte[] Repair(FuzzRandom random, string kind, byte[] bytes)
    {
        const int HashLength = 16;
        if (kind != Whole || bytes.Length < HashLength || random.OneIn(4))
        {
            return bytes;
        }
        byte[] repaired = [.. bytes];
        XxHash128.Hash(repaired.AsSpan(0, repaired.Length - HashLength), repaired.AsSpan(repaired.Length - HashLength));
        return repaired;
    }

    public override void Run(FuzzInput input)
    {
        if (input.Kind == Whole)
        {
            DenoiseRun.Restore(Task, input.Bytes);
            return;
        }
        foreach (INoiseGenerator noise in (INoiseGenerator[])[new TorchCpuGenerator(7), new PhiloxGenerator(1)])
        {
            try
            {
                RunState.RestoreGenerator(noise, input.Bytes);
                noise.FillNormal(new float[20]);
                return;
            }
            catch (ArgumentException) when (noise is TorchCpuGenerator)
            {
                // May be the state of the other generator.
            }
        }
    }

    public override bool IsDocumented(Exception exception) =>
        exception is InvalidDataException || (exception is ArgumentException && exception.Message.Contains("generator's state",
            StringComparison.Ordinal));
}
