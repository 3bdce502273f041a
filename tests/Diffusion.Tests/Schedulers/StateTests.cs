using System.Buffers.Binary;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Schedulers;
using Brownian.Diffusion.State;

namespace Brownian.Diffusion.Tests.Schedulers;

/// <summary>A run that is stopped after any evaluation and resumed by other objects ends with the same bits, for every class.</summary>
public sealed class StateTests
{
    private const int Steps = 6;
    private const int Images = 2;

    public static TheoryData<string> Classes => [.. SchedulerCatalog.Classes.Select(descriptor => descriptor.ClassName)];

    /// <summary>
    /// Every class by itself, and the solvers with options under which they remember other values; a run begins in its middle if a step is given.
    /// </summary>
    public static TheoryData<string, string, int> Runs
    {
        get
        {
            var runs = new TheoryData<string, string, int>();
            foreach (SchedulerDescriptor descriptor in SchedulerCatalog.Classes)
            {
                runs.Add(descriptor.ClassName, "", 0);
            }
            runs.Add("DPMSolverMultistepScheduler", "solver_order=3, algorithm_type=sde-dpmsolver++, use_karras_sigmas=True", 0);
            runs.Add("DPMSolverMultistepScheduler", "solver_order=3, algorithm_type=dpmsolver, final_sigmas_type=sigma_min, thresholding=True", 3);
            runs.Add("DPMSolverMultistepInverseScheduler", "solver_order=3, use_karras_sigmas=True", 0);
            runs.Add("DPMSolverSinglestepScheduler", "solver_order=3, algorithm_type=sde-dpmsolver++, solver_type=heun", 2);
            runs.Add("DEISMultistepScheduler", "solver_order=3", 0);
            runs.Add("UniPCMultistepScheduler", "solver_order=3, solver_type=bh1, final_sigmas_type=sigma_min, predict_x0=False", 2);
            runs.Add("SASolverScheduler", "predictor_order=3, corrector_order=4, algorithm_type=noise_prediction", 2);
            runs.Add("EDMDPMSolverMultistepScheduler", "algorithm_type=sde-dpmsolver++", 0);
            runs.Add("EDMDPMSolverMultistepScheduler", "solver_order=3, final_sigmas_type=sigma_min", 1);
            return runs;
        }
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void A_run_saved_after_any_evaluation_resumes_with_the_same_bits(string className, string options, int begin)
    {
        (Scheduler undisturbed, TorchCpuGenerator generator, float[] expected) = Begin(className, begin, options);
        int evaluations = undisturbed.Timesteps.Length - undisturbed.BeginIndex;
        Run(undisturbed, expected, generator, evaluations);
        Assert.True(undisturbed.IsDone);
        Assert.All(expected, value => Assert.True(float.IsFinite(value)));

        for (int stop = 0; stop <= evaluations; stop++)
        {
            (Scheduler scheduler, TorchCpuGenerator own, float[] sample) = Begin(className, begin, options);
            Run(scheduler, sample, own, stop);
            byte[] bytes = Save(scheduler, own);

            var reader = new StateReader(bytes);
            var restored = Scheduler.Restore(reader);
            var generatorAgain = new TorchCpuGenerator(own.Seed);
            generatorAgain.Restore(reader);
            Assert.Equal(0, reader.Remaining);
            Assert.Equal(restored.BeginIndex + stop, restored.StepIndex);
            Assert.Equal(scheduler.Timesteps.ToArray(), restored.Timesteps.ToArray());
            Assert.Equal(bytes, Save(restored, generatorAgain));

            (Scheduler resumed, _, _) = Begin(className, 0, options);
            var again = new StateReader(bytes);
            resumed.Resume(again);
            generatorAgain.Restore(again);
            Assert.Equal(0, again.Remaining);
            Assert.Equal(bytes, Save(resumed, generatorAgain));

            Run(restored, sample, generatorAgain, evaluations - stop);
            Assert.Equal(expected, sample);
        }
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void A_second_run_of_one_object_discards_the_history_of_the_first(string className, string options, int begin)
    {
        (Scheduler fresh, TorchCpuGenerator generator, float[] expected) = Begin(className, begin, options);
        Run(fresh, expected, generator, fresh.Timesteps.Length - fresh.BeginIndex);

        (Scheduler used, TorchCpuGenerator first, float[] sample) = Begin(className, begin, options);
        int evaluations = used.Timesteps.Length - used.BeginIndex;
        // Also after a run that was left in its middle, with a history that no step has used up.
        foreach (int earlier in (int[])[evaluations, evaluations / 2])
        {
            Run(used, sample, first, earlier);
            (used, first, sample) = Begin(used, begin);
        }
        Run(used, sample, first, evaluations);

        Assert.Equal(expected, sample);
    }

    [Theory]
    [MemberData(nameof(Classes))]
    public void A_run_that_began_in_its_middle_resumes_with_the_same_bits(string className)
    {
        (Scheduler undisturbed, TorchCpuGenerator generator, float[] expected) = Begin(className, skipped: 2);
        int evaluations = undisturbed.Timesteps.Length - undisturbed.BeginIndex;
        Run(undisturbed, expected, generator, evaluations);

        (Scheduler scheduler, TorchCpuGenerator own, float[] sample) = Begin(className, skipped: 2);
        Run(scheduler, sample, own, 1);
        var reader = new StateReader(Save(scheduler, own));
        var restored = Scheduler.Restore(reader);
        own.Restore(reader);
        Assert.Equal(scheduler.BeginIndex, restored.BeginIndex);
        Run(restored, sample, own, evaluations - 1);
        Assert.Equal(expected.Select(BitConverter.SingleToUInt32Bits), sample.Select(BitConverter.SingleToUInt32Bits));
    }

    [Theory]
    [MemberData(nameof(Classes))]
    public void A_damaged_scheduler_state_is_refused(string className)
    {
        (Scheduler scheduler, TorchCpuGenerator generator, float[] sample) = Begin(className);
        Run(scheduler, sample, generator, 3);
        var writer = new StateWriter();
        scheduler.Save(writer);
        byte[] bytes = writer.Written.ToArray();
        for (int length = 0; length < bytes.Length; length += 1 + bytes.Length / 40)
        {
            Assert.Throws<InvalidDataException>(() => Scheduler.Restore(new StateReader(bytes.AsMemory(0, length))));
        }
        Assert.Throws<InvalidDataException>(() => Scheduler.Restore(new StateReader(bytes.AsMemory(0, bytes.Length - 1))));

        byte[] otherVersion = [.. bytes];
        BinaryPrimitives.WriteInt32LittleEndian(otherVersion.AsSpan(sizeof(int) + "scheduler".Length), 1000);
        InvalidDataException exception = Assert.Throws<InvalidDataException>(() => Scheduler.Restore(new StateReader(otherVersion)));
        Assert.Contains("1000", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("null", "{}")]
    [InlineData("[]", "{}")]
    [InlineData("{\"_class_name\": 1}", "{}")]
    [InlineData("{\"_class_name\": \"DDIMScheduler\"}", "null")]
    public void A_state_with_invalid_settings_is_refused(string config, string run)
    {
        var writer = new StateWriter();
        writer.Write("scheduler");
        writer.Write(1);
        writer.Write(config);
        writer.Write(run);
        Assert.Throws<InvalidDataException>(() => Scheduler.Restore(new StateReader(writer.Written.ToArray())));
    }

    [Fact]
    public void A_state_is_refused_by_a_scheduler_with_other_settings_or_another_run()
    {
        (Scheduler scheduler, TorchCpuGenerator generator, float[] sample) = Begin("DDIMScheduler");
        Run(scheduler, sample, generator, 2);
        byte[] bytes = Save(scheduler, generator);
        (Scheduler otherSettings, _, _) = Begin("DDIMScheduler", options: "prediction_type=v_prediction");
        Assert.Contains(
            "settings", Assert.Throws<InvalidDataException>(() => otherSettings.Resume(new StateReader(bytes))).Message, StringComparison.Ordinal);
        (Scheduler otherClass, _, _) = Begin("EulerDiscreteScheduler");
        Assert.Contains(
            "settings", Assert.Throws<InvalidDataException>(() => otherClass.Resume(new StateReader(bytes))).Message, StringComparison.Ordinal);
        (Scheduler otherRun, _, _) = Begin("DDIMScheduler");
        otherRun.Start(new SamplingOptions { Steps = Steps + 1, Images = Images });
        Assert.Contains("run", Assert.Throws<InvalidDataException>(() => otherRun.Resume(new StateReader(bytes))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tensor_longer_than_the_state_is_refused()
    {
        var writer = new StateWriter();
        writer.Write(int.MaxValue);
        Assert.Throws<InvalidDataException>(() => new StateReader(writer.Written.ToArray()).ReadSingles());
    }

    private static (Scheduler Scheduler, TorchCpuGenerator Generator, float[] Sample) Begin(
        string className, int skipped = 0, string options = "") => Begin(ReferenceLoop.Create(className, options), skipped);

    private static (Scheduler Scheduler, TorchCpuGenerator Generator, float[] Sample) Begin(Scheduler scheduler, int skipped)
    {
        scheduler.Start(new SamplingOptions { Steps = Steps, Images = Images, Eta = scheduler.TakesEta ? 0.5 : null });
        scheduler.BeginAt(skipped * scheduler.Order);
        float[] sample = [.. ReferenceLoop.Sample(Images, 3, 5, 5).Select(value => value * scheduler.InitNoiseSigma)];
        return (scheduler, new TorchCpuGenerator(12), sample);
    }

    private static void Run(Scheduler scheduler, float[] sample, TorchCpuGenerator generator, int evaluations)
    {
        float[] input = new float[sample.Length], output = new float[sample.Length];
        for (int i = 0; i < evaluations; i++)
        {
            scheduler.ScaleModelInput(sample, input);
            for (int j = 0; j < input.Length; j++)
            {
                output[j] = MathF.Tanh(input[j] + scheduler.Timestep / 1000);
            }
            scheduler.Step(output, sample, generator);
        }
    }

    private static byte[] Save(Scheduler scheduler, TorchCpuGenerator generator)
    {
        var writer = new StateWriter();
        scheduler.Save(writer);
        generator.Save(writer);
        return writer.Written.ToArray();
    }
}
