using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Schedulers;
using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Tests.Schedulers;

/// <summary>A run that is saved and restored between any two evaluations ends with the same bits, whatever the method remembers.</summary>
public sealed class DpmFamilyStateTests
{
    [Theory]
    [InlineData("DPMSolverMultistepScheduler", "", 0)]
    [InlineData("DPMSolverMultistepScheduler", "solver_order=3, algorithm_type=sde-dpmsolver++, use_karras_sigmas=True", 0)]
    [InlineData("DPMSolverMultistepScheduler", "solver_order=3, algorithm_type=dpmsolver, final_sigmas_type=sigma_min, thresholding=True", 3)]
    [InlineData("DPMSolverMultistepInverseScheduler", "solver_order=3, use_karras_sigmas=True", 0)]
    [InlineData("DPMSolverSinglestepScheduler", "", 0)]
    [InlineData("DPMSolverSinglestepScheduler", "solver_order=3, algorithm_type=sde-dpmsolver++, solver_type=heun", 2)]
    [InlineData("DEISMultistepScheduler", "solver_order=3", 0)]
    [InlineData("UniPCMultistepScheduler", "", 0)]
    [InlineData("UniPCMultistepScheduler", "solver_order=3, solver_type=bh1, final_sigmas_type=sigma_min, predict_x0=False", 2)]
    [InlineData("SASolverScheduler", "", 0)]
    [InlineData("SASolverScheduler", "predictor_order=3, corrector_order=4, algorithm_type=noise_prediction", 2)]
    [InlineData("EDMEulerScheduler", "", 0)]
    [InlineData("EDMDPMSolverMultistepScheduler", "algorithm_type=sde-dpmsolver++", 0)]
    [InlineData("EDMDPMSolverMultistepScheduler", "solver_order=3, final_sigmas_type=sigma_min", 1)]
    public void A_run_restored_after_every_evaluation_ends_the_same(string className, string options, int begin)
    {
        Assert.Equal(Run(className, options, begin, restores: false), Run(className, options, begin, restores: true));
    }

    private static float[] Run(string className, string options, int begin, bool restores)
    {
        Scheduler scheduler = ReferenceLoop.Create(className, options);
        scheduler.Start(new SamplingOptions { Steps = 12, Images = 4 });
        scheduler.BeginAt(begin);
        var generator = new TorchCpuGenerator(42);
        float[] sample = ReferenceLoop.Sample(), input = new float[sample.Length], output = new float[sample.Length];
        while (!scheduler.IsDone)
        {
            scheduler.ScaleModelInput(sample, input);
            ReferenceLoop.Model(input, scheduler.Timestep, output);
            scheduler.Step(output, sample, generator);
            if (restores)
            {
                var writer = new StateWriter();
                scheduler.Save(writer);
                generator.Save(writer);
                var reader = new StateReader(writer.Written.ToArray());
                scheduler = Scheduler.Restore(reader);
                generator = new TorchCpuGenerator(42);
                generator.Restore(reader);
                Assert.Equal(0, reader.Remaining);
            }
        }
        return sample;
    }
}
