using System.Text.Json.Nodes;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Schedulers;

namespace Brownian.Diffusion.Tests.Schedulers;

/// <summary>
/// The DPM-Solver family with its options. The rows of dpm-family.tsv are runs of the reference's own code with random combinations of options,
/// in which every option occurs, made in the way of those of <see cref="ReferenceRunTests"/>.
/// </summary>
public sealed class DpmFamilyTests
{
    public static TheoryData<int, string> Rows
    {
        get
        {
            var rows = new TheoryData<int, string>();
            int number = 0;
            foreach (string[] row in CaseTable.Read("dpm-family.tsv"))
            {
                rows.Add(number++, $"{row[0]}: {row[1]}, {row[2]} steps");
            }
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void A_run_equals_the_reference(int number, string name)
    {
        string[] row = CaseTable.Read("dpm-family.tsv").ElementAt(number);
        Assert.StartsWith(row[0], name, StringComparison.Ordinal);
        Scheduler scheduler = ReferenceLoop.Create(row[0], row[1]);
        scheduler.Start(new SamplingOptions
        {
            Steps = int.Parse(row[2], CultureInfo.InvariantCulture),
            Mu = row[3].Length > 0 ? double.Parse(row[3], CultureInfo.InvariantCulture) : null,
            Images = 4,
        });

        Assert.Equal(Numbers(row[8]), scheduler.Timesteps.ToArray());
        Assert.Equal(Numbers(row[9]), scheduler.Sigmas.ToArray());

        float[] sample = [.. ReferenceLoop.Sample().Select(value => value * scheduler.InitNoiseSigma)];
        if (row[4].Length > 0)
        {
            int begin = int.Parse(row[4], CultureInfo.InvariantCulture);
            scheduler.BeginAt(begin);
            scheduler.AddNoise(sample, ReferenceLoop.Noise(), sample, begin);
        }
        ReferenceLoop.Run(scheduler, sample, overwriteWithScaled: false, row[5] == "half" ? ReferenceLoop.Half : null);

        double expected = double.Parse(row[6], CultureInfo.InvariantCulture);
        Assert.Equal(expected, sample.Sum(value => Math.Abs((double)value)), 1e-5 * expected);
        Assert.Equal(double.Parse(row[7], CultureInfo.InvariantCulture), ReferenceLoop.Probe(sample), 1e-5 * sample.Max(MathF.Abs));
    }

    [Theory]
    [InlineData("DPMSolverSinglestepScheduler", "final_sigmas_type=sigma_min", "DEISMultistepScheduler "
        + "DPMSolverMultistepScheduler UniPCMultistepScheduler", 214.361182)]
    [InlineData("DEISMultistepScheduler", "", "DPMSolverSinglestepScheduler DPMSolverMultistepScheduler UniPCMultistepScheduler", 183.676289)]
    [InlineData("UniPCMultistepScheduler", "final_sigmas_type=sigma_min", "DPMSolverSinglestepScheduler "
        + "DEISMultistepScheduler DPMSolverMultistepScheduler", 189.231849)]
    [InlineData(
        "DPMSolverMultistepScheduler", "lower_order_final=False, final_sigmas_type=sigma_min",
        "DPMSolverSinglestepScheduler UniPCMultistepScheduler DEISMultistepScheduler", 253.551403)]
    [InlineData("DPMSolverMultistepInverseScheduler", "lower_order_final=False", "DPMSolverMultistepScheduler", 541.199348)]
    public void Settings_survive_conversions_through_the_sibling_classes(string className, string options, string siblings, double expected)
    {
        JsonObject config = ReferenceLoop.Create(className, options).Config.ToJson();
        foreach (string sibling in siblings.Split(' '))
        {
            SchedulerDescriptor descriptor = SchedulerCatalog.Find(sibling).Descriptor;
            config = SchedulerConfig.Resolve(descriptor, config).ToJson();
        }
        SchedulerDescriptor first = SchedulerCatalog.Find(className).Descriptor;
        Scheduler scheduler = first.Create(SchedulerConfig.Resolve(first, config));

        scheduler.Start(new SamplingOptions { Steps = 10, Images = 4 });
        float[] sample = ReferenceLoop.Sample();
        ReferenceLoop.Run(scheduler, sample, overwriteWithScaled: false);

        Assert.Equal(expected, sample.Sum(value => Math.Abs((double)value)), 1e-5 * expected);
    }

    [Theory]
    [InlineData("DPMSolverMultistepScheduler", "algorithm_type=dpmsolver", "final_sigmas_type")]
    [InlineData("DPMSolverMultistepScheduler", "algorithm_type=sde-dpmsolver", "final_sigmas_type")]
    [InlineData("DPMSolverMultistepScheduler", "algorithm_type=sde-dpmsolver, final_sigmas_type=sigma_min, solver_order=3", "solver_order")]
    [InlineData("DPMSolverMultistepScheduler", "algorithm_type=dpmsolver, "
        + "final_sigmas_type=sigma_min, prediction_type=flow_prediction", "prediction_type")]
    [InlineData("DPMSolverMultistepScheduler", "use_karras_sigmas=True, use_beta_sigmas=True", "use_beta_sigmas")]
    [InlineData("DPMSolverMultistepScheduler", "lambda_min_clipped=50", "lambda_min_clipped")]
    [InlineData("DPMSolverMultistepScheduler", "solver_order=4", "solver_order")]
    [InlineData("DPMSolverMultistepInverseScheduler", "algorithm_type=sde-dpmsolver++, solver_order=3", "solver_order")]
    [InlineData("DPMSolverSinglestepScheduler", "algorithm_type=dpmsolver", "final_sigmas_type")]
    [InlineData("DPMSolverSinglestepScheduler", "algorithm_type=sde-dpmsolver", "algorithm_type")]
    [InlineData("DEISMultistepScheduler", "algorithm_type=sde-dpmsolver++", "algorithm_type")]
    [InlineData("UniPCMultistepScheduler", "solver_type=bh1", "final_sigmas_type")]
    [InlineData("UniPCMultistepScheduler", "predict_x0=False", "final_sigmas_type")]
    [InlineData("UniPCMultistepScheduler", "lower_order_final=False", "final_sigmas_type")]
    [InlineData("UniPCMultistepScheduler", "shift_terminal=0.1", "shift_terminal")]
    [InlineData("UniPCMultistepScheduler", "solver_p=euler", "solver_p")]
    [InlineData("UniPCMultistepScheduler", "use_flow_sigmas=True, use_beta_sigmas=True", "use_flow_sigmas")]
    [InlineData("SASolverScheduler", "tau_func=one", "tau_func")]
    [InlineData("SASolverScheduler", "predictor_order=5", "predictor_order")]
    [InlineData("SASolverScheduler", "algorithm_type=noise_prediction, prediction_type=flow_prediction", "prediction_type")]
    [InlineData("EDMEulerScheduler", "prediction_type=sample", "prediction_type")]
    [InlineData("EDMEulerScheduler", "sigma_min=90", "sigma_min")]
    [InlineData("EDMDPMSolverMultistepScheduler", "algorithm_type=sde-dpmsolver++, solver_order=3", "solver_order")]
    public void Settings_that_the_reference_cannot_compute_are_refused(string className, string options, string field)
    {
        FieldFaultException exception = Assert.Throws<FieldFaultException>(() => ReferenceLoop.Create(className, options));
        Assert.Contains(exception.Faults, fault => fault.Field.EndsWith("." + field, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("DPMSolverMultistepScheduler", "", 1000, "steps")]
    [InlineData("DPMSolverMultistepScheduler", "timestep_spacing=leading", 1000, "steps")]
    [InlineData("UniPCMultistepScheduler", "use_dynamic_shifting=True, use_flow_sigmas=True", 10, "mu")]
    [InlineData("UniPCMultistepScheduler", "use_flow_sigmas=True, shift_terminal=0.1", 1, "steps")]
    public void Runs_that_a_solver_cannot_make_are_refused(string className, string options, int steps, string field)
    {
        Scheduler scheduler = ReferenceLoop.Create(className, options);
        FieldFaultException exception = Assert.Throws<FieldFaultException>(() => scheduler.Start(new SamplingOptions { Steps = steps }));
        Assert.Equal(field, exception.Faults[0].Field);
    }

    [Fact]
    public void Mu_without_dynamic_shifting_is_refused()
    {
        Scheduler scheduler = ReferenceLoop.Create("DEISMultistepScheduler", "use_flow_sigmas=True");
        FieldFaultException exception = Assert.Throws<FieldFaultException>(() => scheduler.Start(new SamplingOptions { Steps = 10, Mu = 1 }));
        Assert.Equal("mu", exception.Faults[0].Field);
    }

    [Theory]
    [InlineData("DPMSolverMultistepScheduler", "variance_type=learned_range")]
    [InlineData("DPMSolverSinglestepScheduler", "variance_type=learned")]
    [InlineData("SASolverScheduler", "variance_type=learned_range")]
    public void Predicted_variances_are_ignored(string className, string options)
    {
        float[] plain = Run(learned: false), learned = Run(learned: true);
        Assert.Equal(plain, learned);

        float[] Run(bool learned)
        {
            Scheduler scheduler = ReferenceLoop.Create(className, options);
            scheduler.Start(new SamplingOptions { Steps = 8, Images = 4 });
            float[] sample = ReferenceLoop.Sample();
            var prediction = new float[sample.Length];
            var output = new float[learned ? 2 * sample.Length : sample.Length];
            var generator = new TorchCpuGenerator(0);
            int image = sample.Length / 4;
            while (!scheduler.IsDone)
            {
                ReferenceLoop.Model(sample, scheduler.Timestep, prediction);
                Array.Fill(output, 7);
                for (int i = 0; i < 4; i++)
                {
                    prediction.AsSpan(i * image, image).CopyTo(output.AsSpan((learned ? 2 : 1) * i * image));
                }
                scheduler.Step(output, sample, generator);
            }
            return sample;
        }
    }

    [Fact]
    public void Every_short_name_creates_its_class()
    {
        foreach (SchedulerName name in SchedulerCatalog.Names)
        {
            Scheduler scheduler = SchedulerCatalog.Create(new JsonObject(), name.Name);
            Assert.Equal(name.ClassName, scheduler.Config.Descriptor.ClassName);
        }
    }

    [Fact]
    public void Given_timesteps_give_the_run_of_steps_with_the_same_timesteps()
    {
        foreach (string className in new[] { "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler" })
        {
            Scheduler spaced = ReferenceLoop.Create(className, ""), given = ReferenceLoop.Create(className, "");
            spaced.Start(new SamplingOptions { Steps = 10 });
            given.Start(new SamplingOptions { Timesteps = [.. spaced.Timesteps.ToArray().Select(t => (double)t)] });
            Assert.Equal(spaced.Timesteps, given.Timesteps);
            Assert.Equal(spaced.Sigmas, given.Sigmas);
        }
    }

    private static float[] Numbers(string text) => [.. text.Split(' ').Select(number => float.Parse(number, CultureInfo.InvariantCulture))];
}
