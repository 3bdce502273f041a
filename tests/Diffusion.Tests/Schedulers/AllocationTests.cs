using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Schedulers;

namespace Brownian.Diffusion.Tests.Schedulers;

/// <summary>
/// The guarantee of <see cref="Scheduler.Step(ReadOnlySpan{float}, Span{float}, INoiseGenerator)"/>: only the first evaluation allocates memory.
/// </summary>
public sealed class AllocationTests
{
    /// <summary>Allocates while its tree of Brownian bridges grows deeper: see <see cref="DpmSolverSdeScheduler"/>.</summary>
    private const string Excepted = "DPMSolverSDEScheduler";

    public static TheoryData<string, string> Runs
    {
        get
        {
            var runs = new TheoryData<string, string>();
            foreach (string className in SchedulerCatalog.Classes.Select(descriptor => descriptor.ClassName).Where(name => name != Excepted))
            {
                runs.Add(className, "");
            }
            runs.Add("DDIMScheduler", "thresholding=True, prediction_type=v_prediction");
            runs.Add("PNDMScheduler", "skip_prk_steps=True, prediction_type=v_prediction");
            runs.Add("HeunDiscreteScheduler", "clip_sample=True");
            runs.Add("FlowMatchEulerDiscreteScheduler", "stochastic_sampling=True");
            runs.Add("DPMSolverMultistepScheduler", "solver_order=3, algorithm_type=sde-dpmsolver++");
            runs.Add("DPMSolverMultistepScheduler", "solver_order=3, algorithm_type=dpmsolver, final_sigmas_type=sigma_min, thresholding=True");
            runs.Add("DPMSolverMultistepInverseScheduler", "solver_order=3");
            runs.Add("DPMSolverSinglestepScheduler", "solver_order=3, algorithm_type=sde-dpmsolver++, solver_type=heun");
            runs.Add("DEISMultistepScheduler", "solver_order=3, thresholding=True");
            runs.Add("UniPCMultistepScheduler", "solver_order=3");
            runs.Add("SASolverScheduler", "predictor_order=4, corrector_order=4");
            runs.Add("EDMDPMSolverMultistepScheduler", "solver_order=3, thresholding=True");
            return runs;
        }
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void Evaluations_after_the_first_allocate_no_memory(string className, string options)
    {
        Scheduler scheduler = ReferenceLoop.Create(className, options);
        float[] sample = ReferenceLoop.Sample(), input = new float[sample.Length], output = new float[sample.Length];
        var generator = new TorchCpuGenerator(0);
        // The first run also allocates objects that a program allocates once, such as the runtime's own tables.
        Run(scheduler, sample, input, output, generator);
        Assert.Equal(0, Run(ReferenceLoop.Create(className, options), sample, input, output, generator));
    }

    private static long Run(Scheduler scheduler, float[] sample, float[] input, float[] output, TorchCpuGenerator generator)
    {
        scheduler.Start(new SamplingOptions { Steps = 20, Images = 4, Eta = scheduler.TakesEta ? 0.5 : null });
        long before = 0;
        while (!scheduler.IsDone)
        {
            if (scheduler.StepIndex == 1)
            {
                before = GC.GetAllocatedBytesForCurrentThread();
            }
            scheduler.ScaleModelInput(sample, input);
            ReferenceLoop.Model(input, scheduler.Timestep, output);
            scheduler.Step(output, sample, generator);
        }
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
