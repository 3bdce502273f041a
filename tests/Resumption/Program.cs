using System.Globalization;
using System.Runtime.InteropServices;
using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Resumption;

// One argument: the folder of the manifest. For a state S it writes S.latents, little-endian float32, S.generator, and S.allocated: the
// fewest bytes that one of the evaluations allocated in the whole process.
string folder = args[0];
ResumeManifest manifest = ResumeManifest.Read(folder);
using var denoiser = new LocalDenoiser(OnnxGraph.Load(manifest.Unet, new SessionSettings(Threads: 1)));
foreach (ResumeRun run in manifest.Runs)
{
    foreach (string state in run.States)
    {
        string file = Path.Combine(folder, state);
        IDenoising denoising = denoiser.Restore(run.Task, File.ReadAllBytes(file));
        long fewest = long.MaxValue;
        while (!denoising.IsDone)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            await denoising.EvaluateAsync(CancellationToken.None);
            fewest = Math.Min(fewest, GC.GetTotalAllocatedBytes(precise: true) - before);
        }
        DenoiseResult result = denoising.Result();
        File.WriteAllBytes(file + ".latents", MemoryMarshal.AsBytes(result.Latents.Values.AsSpan()));
        File.WriteAllBytes(file + ".generator", result.GeneratorState);
        File.WriteAllText(file + ".allocated", fewest.ToString(CultureInfo.InvariantCulture));
    }
}
