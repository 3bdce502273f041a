using Brownian.Diffusion.Schedulers;

namespace Brownian.Diffusion.Tests.Schedulers;

public sealed class ScoreSdeVeSchedulerTests
{
    /// <summary>
    /// test_scheduler_score_sde_ve.py, test_full_loop_no_noise: the model gets the first sigmas of the constructor's 2000 timesteps, not
    /// those of the run's 3.
    /// </summary>
    [Fact]
    public void The_predictor_corrector_loop_equals_the_reference()
    {
        Scheduler scheduler = ReferenceLoop.Create("ScoreSdeVeScheduler", "");
        scheduler.Start(new SamplingOptions { Steps = 3, Images = 4 });
        Assert.Equal(2, scheduler.Order);
        float[] sample = ReferenceLoop.Sample();
        int evaluation = 0;
        ReferenceLoop.Run(scheduler, sample, overwriteWithScaled: false, (input, _, output) =>
        {
            int step = evaluation++ / scheduler.Order;
            double time = 1 - step * (1 - 1e-5) / 1999;
            ReferenceLoop.Model(input, (float)(0.01 * Math.Pow(1348 / 0.01, time)), output);
        });
        Assert.Equal(14372758528.0, sample.Sum(value => Math.Abs((double)value)), 1e-5 * 14372758528.0);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void A_steps_corrections_and_prediction_have_one_timestep(int corrections)
    {
        Scheduler scheduler = ReferenceLoop.Create("ScoreSdeVeScheduler", $"correct_steps={corrections}");
        scheduler.Start(new SamplingOptions { Steps = 5 });
        Assert.Equal(5 * (corrections + 1), scheduler.Timesteps.Length);
        Assert.Equal(5, scheduler.Timesteps.ToArray().Distinct().Count());
        Assert.Equal(1348, scheduler.Sigmas[0], 1e-2);
    }
}
