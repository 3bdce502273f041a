using Brownian.Diffusion.Schedulers;

namespace Brownian.Diffusion.Tests.Schedulers;

/// <summary>The rows batch_step_no_noise of table-a.tsv: three times four samples, each stepped from a timestep of its own.</summary>
public sealed class BatchStepTests
{
    [Theory]
    [InlineData("DDIMParallelScheduler", 10)]
    [InlineData("DDPMParallelScheduler", 1000)]
    public void Samples_at_several_timesteps_can_be_stepped_at_once(string className, int steps)
    {
        string[] row = CaseTable.Read("table-a.tsv").Single(candidate => candidate[0] == className && candidate[1] == "batch_step_no_noise");
        Scheduler scheduler = ReferenceLoop.Create(className, "");
        scheduler.Start(new SamplingOptions { Steps = steps });
        float[] one = ReferenceLoop.Sample();
        float[] samples = [.. one, .. one.Select(value => value + 0.1f), .. one.Select(value => value - 0.1f)];
        int[] timesteps = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2];
        var output = new float[samples.Length];
        for (int i = 0; i < 3; i++)
        {
            ReferenceLoop.Model(samples.AsSpan(i * one.Length, one.Length), i, output.AsSpan(i * one.Length, one.Length));
        }

        if (scheduler is DdimParallelScheduler ddim)
        {
            ddim.BatchStepWithoutNoise(output, timesteps, samples);
        }
        else
        {
            Assert.IsType<DdpmParallelScheduler>(scheduler).BatchStepWithoutNoise(output, timesteps, samples);
        }

        double expected = double.Parse(row[7].Split(' ')[0], CultureInfo.InvariantCulture);
        Assert.Equal(expected, samples.Sum(value => Math.Abs((double)value)), 1e-5 * expected);
        Assert.Equal(0, scheduler.StepIndex);
    }

    [Fact]
    public void Lengths_that_do_not_fit_the_batch_are_refused()
    {
        var scheduler = (DdimParallelScheduler)ReferenceLoop.Create("DDIMParallelScheduler", "");
        scheduler.Start(new SamplingOptions { Steps = 10 });
        Assert.Throws<ArgumentException>(() => scheduler.BatchStepWithoutNoise(new float[10], [1, 2, 3], new float[10]));
        Assert.Throws<ArgumentException>(() => scheduler.BatchStepWithoutNoise(new float[9], [1, 2], new float[10]));
    }
}
