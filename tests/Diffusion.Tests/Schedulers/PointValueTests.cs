using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Schedulers;

namespace Brownian.Diffusion.Tests.Schedulers;

/// <summary>Single values that the reference's tests assert.</summary>
public sealed class PointValueTests
{
    [Theory]
    [InlineData(0, 0, 0.0)]
    [InlineData(420, 400, 0.14771)]
    [InlineData(980, 960, 0.32460)]
    [InlineData(487, 486, 0.00979)]
    [InlineData(999, 998, 0.02)]
    public void DDIM_variances_equal_the_references(int timestep, int previous, double expected) =>
        Assert.Equal(expected, ((DdimScheduler)ReferenceLoop.Create("DDIMScheduler", "")).Variance(timestep, previous), 1e-5);

    [Theory]
    [InlineData(0, 0.0)]
    [InlineData(487, 0.00979)]
    [InlineData(999, 0.02)]
    public void DDPM_variances_equal_the_references(int timestep, double expected) =>
        Assert.Equal(expected, ((DdpmScheduler)ReferenceLoop.Create("DDPMScheduler", "")).Variance(timestep, timestep - 1), 1e-5);

    [Theory]
    [InlineData(0, 1.0e-10)]
    [InlineData(487, 0.0549625)]
    [InlineData(999, 0.9994987)]
    public void UnCLIP_spreads_equal_the_references(int timestep, double expected) =>
        Assert.Equal(expected, ((UnclipScheduler)ReferenceLoop.Create("UnCLIPScheduler", "")).Spread(timestep, timestep - 1), 1e-5);

    [Theory]
    [InlineData(1, -10.1712790)]
    [InlineData(487, -5.7998052)]
    [InlineData(999, -0.0010011)]
    public void UnCLIP_learned_log_variances_equal_the_references(int timestep, double expected) =>
        Assert.Equal(expected, ((UnclipScheduler)ReferenceLoop.Create("UnCLIPScheduler", "")).LogVariance(timestep, timestep - 1, 0.5f), 1e-5);

    [Theory]
    [InlineData("DDIMScheduler", 5, "801 601 401 201 1")]
    [InlineData("PNDMScheduler", 10, "901 851 851 801 801 751 751 701 701 651 651 601 601 501 401 301 201 101 1")]
    public void Timesteps_with_an_offset_equal_the_references(string className, int steps, string expected)
    {
        Scheduler scheduler = ReferenceLoop.Create(className, "steps_offset=1");
        scheduler.Start(new SamplingOptions { Steps = steps });
        Assert.Equal(expected, string.Join(' ', scheduler.Timesteps.ToArray()));
    }

    [Theory]
    [InlineData("DDPMScheduler")]
    [InlineData("DDPMParallelScheduler")]
    [InlineData("LCMScheduler")]
    [InlineData("TCDScheduler")]
    public void Custom_timesteps_are_used_unchanged_or_refused(string className)
    {
        Scheduler scheduler = ReferenceLoop.Create(className, "");
        scheduler.Start(new SamplingOptions { Timesteps = [100, 87, 50, 1, 0] });
        Assert.Equal([100, 87, 50, 1, 0], scheduler.Timesteps.ToArray());
        Assert.Throws<FieldFaultException>(() => scheduler.Start(new SamplingOptions { Timesteps = [100, 87, 50, 51, 0] }));
        Assert.Throws<FieldFaultException>(() => scheduler.Start(new SamplingOptions { Timesteps = [1000, 87] }));
        Assert.Throws<FieldFaultException>(() => scheduler.Start(new SamplingOptions { Timesteps = [100, 87], Steps = 2 }));
    }

    [Theory]
    [InlineData("LCMScheduler")]
    [InlineData("TCDScheduler")]
    public void More_steps_than_those_of_the_distillation_are_refused(string className)
    {
        Scheduler scheduler = ReferenceLoop.Create(className, "");
        FieldFaultException fault = Assert.Throws<FieldFaultException>(() => scheduler.Start(new SamplingOptions { Steps = 51 }));
        Assert.Contains("50", Assert.Single(fault.Faults).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("UnCLIPScheduler", "", "steps")]
    [InlineData("PNDMScheduler", "", "steps")]
    [InlineData("FlowMatchEulerDiscreteScheduler", "use_dynamic_shifting=True", "mu")]
    [InlineData("FlowMatchEulerDiscreteScheduler", "shift_terminal=0.1", "scheduler.shift_terminal")]
    public void One_step_is_refused_if_the_reference_cannot_compute_it(string className, string options, string field)
    {
        Scheduler scheduler = ReferenceLoop.Create(className, options);
        FieldFaultException fault = Assert.Throws<FieldFaultException>(() => scheduler.Start(new SamplingOptions { Steps = 1 }));
        Assert.Equal(field, Assert.Single(fault.Faults).Field);
    }

    [Theory]
    [InlineData("DDIMScheduler")]
    [InlineData("DDIMInverseScheduler")]
    [InlineData("DDPMScheduler")]
    [InlineData("PNDMScheduler")]
    public void A_trailing_spacing_that_rounds_to_one_timestep_more_stays_within_the_schedule(string className)
    {
        Scheduler scheduler = ReferenceLoop.Create(className, "num_train_timesteps=1100, timestep_spacing=trailing");
        scheduler.Start(new SamplingOptions { Steps = 15, Images = 4 });
        ReferenceLoop.Run(scheduler, ReferenceLoop.Sample(), overwriteWithScaled: false);
        Assert.All(scheduler.Timesteps.ToArray(), t => Assert.InRange(t, 0, 1099));
    }

    [Fact]
    public void A_flow_map_run_goes_from_pure_noise_to_sigma_zero()
    {
        Scheduler scheduler = ReferenceLoop.Create("FlowMapEulerDiscreteScheduler", "");
        scheduler.Start(new SamplingOptions { Steps = 4 });
        Assert.Equal([1000, 750, 500, 250], scheduler.Timesteps.ToArray());
        Assert.Equal(0, scheduler.Sigmas[^1]);
        float[] noised = [0];
        scheduler.AddNoise([0.25f], [3], noised, 0);
        Assert.Equal(3, noised[0]);
    }

    [Theory]
    [InlineData("EulerDiscreteScheduler")]
    [InlineData("HeunDiscreteScheduler")]
    public void Custom_timesteps_equal_to_the_spaced_ones_give_the_same_run(string className)
    {
        Scheduler spaced = ReferenceLoop.Create(className, ""), custom = ReferenceLoop.Create(className, "");
        spaced.Start(new SamplingOptions { Steps = 10, Images = 4 });
        custom.Start(new SamplingOptions { Timesteps = [.. spaced.Timesteps.ToArray().Distinct().Select(t => (double)t)], Images = 4 });
        Assert.Equal(spaced.Timesteps.ToArray(), custom.Timesteps.ToArray());
        Assert.Equal(spaced.Sigmas.ToArray(), custom.Sigmas.ToArray());
    }
}
