using System.Text.Json.Nodes;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Schedulers;

namespace Brownian.Diffusion.Tests.Guidance;

/// <summary>The steps of CFG++ by the formulas of its paper (arXiv 2406.08070, algorithm 2), in double precision.</summary>
public sealed class CfgPlusPlusTests
{
    private static readonly float[] Sample = [0.5f, -1.25f, 2, 0.125f], Guided = [0.25f, 0.75f, -0.5f, 1], Unconditional = [-0.125f, 0.5f, 0.25f, -1];

    [Fact]
    public void A_DDIM_step_of_CFG_plus_plus_equals_the_papers_formula()
    {
        Scheduler scheduler = Started(
            "{\"_class_name\": \"DDIMScheduler\", \"clip_sample\": false, \"beta_schedule\": \"scaled_linear\", "
                + "\"beta_start\": 0.00085, \"beta_end\": 0.012}");
        double alpha = Alpha((int)scheduler.Timesteps[0]), previous = Alpha((int)scheduler.Timesteps[1]);

        float[] moved = Step(scheduler);

        for (int i = 0; i < moved.Length; i++)
        {
            double image = (Sample[i] - Math.Sqrt(1 - alpha) * Guided[i]) / Math.Sqrt(alpha);
            Assert.Equal(Math.Sqrt(previous) * image + Math.Sqrt(1 - previous) * Unconditional[i], moved[i], 1e-4);
        }

        static double Alpha(int timestep)
        {
            double product = 1;
            for (int t = 0; t <= timestep; t++)
            {
                double root = Math.Sqrt(0.00085) + (Math.Sqrt(0.012) - Math.Sqrt(0.00085)) * t / 999;
                product *= 1 - root * root;
            }
            return product;
        }
    }

    [Fact]
    public void An_Euler_step_of_CFG_plus_plus_equals_the_papers_formula()
    {
        Scheduler scheduler = Started("{\"_class_name\": \"EulerDiscreteScheduler\"}");
        double sigma = scheduler.Sigmas[0], next = scheduler.Sigmas[1];

        float[] moved = Step(scheduler);

        for (int i = 0; i < moved.Length; i++)
        {
            Assert.Equal(Sample[i] - sigma * Guided[i] + next * Unconditional[i], moved[i], 1e-3);
        }
    }

    [Fact]
    public void Scheduler_classes_without_CFG_plus_plus_refuse_it()
    {
        Scheduler scheduler = Started("{\"_class_name\": \"PNDMScheduler\"}");

        Assert.False(scheduler.TakesUnconditional);
        Assert.Throws<NotSupportedException>(() => Step(scheduler));
    }

    private static Scheduler Started(string json)
    {
        Scheduler scheduler = SchedulerCatalog.Create(JsonNode.Parse(json)!.AsObject());
        scheduler.Start(new SamplingOptions { Steps = 10 });
        return scheduler;
    }

    private static float[] Step(Scheduler scheduler)
    {
        float[] sample = [.. Sample];
        scheduler.Step(Guided, Unconditional, sample, new TorchCpuGenerator(1));
        Assert.Equal(1, scheduler.StepIndex);
        return sample;
    }
}
