using System.Text.Json.Nodes;
using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Schedulers;
using CsCheck;

namespace Brownian.Diffusion.Tests.Schedulers;

/// <summary>With any options and any run, a class either runs or refuses the run with a fault.</summary>
public sealed class AnyConfigurationTests
{
    private const int Evaluations = 3;
    private const int Images = 2;

    /// <summary>Numbers at which formulas divide by 0, overflow or lose digits, and ordinary ones between them.</summary>
    private static readonly double[] Edges =
        [0, 1e-30, 1e-12, 1e-7, 1e-3, 0.02, 0.5, 0.999, 1, 1.5, 7, 80, 1000, 1e9, 1e30, 1e300, -1e-3, -1, -80, double.PositiveInfinity,
            double.NegativeInfinity];

    public static TheoryData<string> Classes => [.. SchedulerCatalog.Classes.Select(descriptor => descriptor.ClassName)];

    [Theory]
    [MemberData(nameof(Classes))]
    public void A_run_with_any_options_has_finite_timesteps_or_is_refused(string className)
    {
        SchedulerDescriptor descriptor = SchedulerCatalog.Find(className).Descriptor;
        Gen.Select(Config(descriptor), Run, Gen.Double[0, 1]).Sample(
            (config, run, begin) => RunOrRefuse(descriptor, config, run, begin),
            iter: 1000,
            threads: 1,
            print: drawn => $"{drawn.Item1.ToJsonString()} {drawn.Item2} from {drawn.Item3}");
    }

    [Theory]
    [InlineData("EulerDiscreteScheduler", "beta_start=0", 5, "scheduler.beta_schedule")]
    [InlineData("DDIMScheduler", "beta_end=1", 5, "scheduler.beta_schedule")]
    [InlineData("EulerDiscreteScheduler", "timestep_spacing=leading, steps_offset=300", 5, "scheduler.steps_offset")]
    [InlineData("DPMSolverMultistepScheduler", "timestep_spacing=leading, steps_offset=300", 5, "scheduler.steps_offset")]
    [InlineData("DEISMultistepScheduler", "use_flow_sigmas=True, flow_shift=1000000", 5, "scheduler.flow_shift")]
    [InlineData("EulerDiscreteScheduler", "use_karras_sigmas=True, sigma_min=0", 5, "scheduler.sigma_min")]
    [InlineData("EulerDiscreteScheduler", "use_karras_sigmas=True, sigma_max=0", 5, "scheduler.sigma_min")]
    [InlineData("EDMEulerScheduler", "rho=0.001", 5, "scheduler.rho")]
    [InlineData("FlowMatchEulerDiscreteScheduler", "shift=inf", 5, "scheduler.shift")]
    [InlineData("DDIMScheduler", "num_train_timesteps=10", 11, "steps")]
    public void A_refused_run_names_the_option_to_change(string className, string options, int steps, string field)
    {
        FieldFaultException exception = Assert.Throws<FieldFaultException>(
            () => ReferenceLoop.Create(className, options).Start(new SamplingOptions { Steps = steps }));
        Assert.Equal(field, exception.Faults[0].Field);
    }

    [Theory]
    [InlineData("EulerDiscreteScheduler", 15)]
    [InlineData("DPMSolverMultistepScheduler", 15)]
    public void The_trailing_spacing_has_no_negative_timestep(string className, int steps)
    {
        Scheduler scheduler = ReferenceLoop.Create(className, "num_train_timesteps=145, timestep_spacing=trailing");
        scheduler.Start(new SamplingOptions { Steps = steps });
        Assert.Equal(steps, scheduler.Timesteps.Length);
        Assert.True(scheduler.Timesteps[^1] >= 0);
    }

    /// <summary>Some options with any values; the others have their defaults.</summary>
    private static Gen<JsonObject> Config(SchedulerDescriptor descriptor)
    {
        Gen<(string, JsonNode?)?>[] fields =
        [
            .. descriptor.Options.Select(option => Gen.Int[0, 2].SelectMany(choice =>
                choice > 0 ? Gen.Const(((string, JsonNode?)?)null) : Value(option).Select(value => ((string, JsonNode?)?)(option.Name, value)))),
        ];
        return fields.Aggregate(
            Gen.Const(new JsonObject()).Select(_ => new JsonObject()),
            (json, field) => Gen.Select(json, field, (soFar, drawn) =>
            {
                if (drawn is { } pair)
                {
                    soFar[pair.Item1] = pair.Item2;
                }
                return soFar;
            }));
    }

    private static Gen<JsonNode?> Value(SchedulerOption option) => option.Kind switch
    {
        OptionKind.Integer when option.Name == "num_train_timesteps" => Gen.OneOf(Gen.Int[2, 10], Gen.Int[2, 1200]).Select(value => (JsonNode?)value),
        OptionKind.Integer => Gen.OneOf(Gen.Int[0, 5], Gen.Int[0, 1200]).Select(value => (JsonNode?)value),
        OptionKind.Number => Gen.OneOf(Gen.OneOf(Edges), Gen.Double[0, 1]).Select(Number),
        OptionKind.Flag => Gen.Bool.Select(value => (JsonNode?)value),
        OptionKind.Choice =>
            option.Choices!.Count == 0 ? Gen.Const((JsonNode?)null) : Gen.OneOf(option.Choices.ToArray()).Select(value => (JsonNode?)value),
        OptionKind.Numbers => Gen.OneOf(Gen.OneOf(0, 1e-30, 1e-7, 0.02, 0.5, 1), Gen.Double[0, 1]).Array[0, 12]
            .Select(values => (JsonNode?)new JsonArray([.. values.Select(Number)])),
        _ => throw new ArgumentOutOfRangeException(nameof(option), option.Kind, null),
    };

    private static JsonNode? Number(double value) => double.IsInfinity(value) ? (value > 0 ? "inf" : "-inf") : value;

    private static Gen<SamplingOptions> Run
    {
        get
        {
            Gen<SamplingOptions> steps = Gen.OneOf(Gen.Int[1, 12], Gen.Int[1, 1000]).Select(count => new SamplingOptions { Steps = count });
            Gen<double[]> numbers = Gen.OneOf(Gen.Double[0, 1], Gen.Double[0, 1200], Gen.OneOf(Edges)).Array[1, 6]
                .Select(values => values.Distinct().OrderDescending().ToArray());
            Gen<double?> mu = Gen.OneOf(
                Gen.Const((double?)null), Gen.OneOf(Edges).Select(value => (double?)value), Gen.Double[0, 2].Select(value => (double?)value));
            return Gen.Select(
                Gen.OneOf(
                    steps, steps, steps, numbers.Select(list => new SamplingOptions { Timesteps = list }),
                    numbers.Select(list => new SamplingOptions { Sigmas = list })),
                mu,
                Gen.OneOf(Gen.Const(1.0), Gen.Double[0, 1]),
                Gen.OneOf(Gen.Const((double?)null), Gen.OneOf(Edges).Select(value => (double?)value)),
                (run, shift, strength, eta) => run with { Mu = shift, Strength = strength, Eta = eta, Images = Images });
        }
    }

    private static void RunOrRefuse(SchedulerDescriptor descriptor, JsonObject json, SamplingOptions run, double begin)
    {
        Scheduler scheduler;
        try
        {
            SchedulerConfig config = SchedulerConfig.Resolve(descriptor, null, json.ToDictionary(pair => pair.Key, pair => pair.Value));
            scheduler = descriptor.Create(config);
            scheduler.Start(run);
        }
        catch (FieldFaultException)
        {
            return;
        }
        Assert.False(scheduler.IsDone);
        Assert.All(scheduler.Timesteps.ToArray(), timestep => Assert.True(float.IsFinite(timestep), $"{timestep}"));
        Assert.All(scheduler.Sigmas.ToArray(), sigma => Assert.True(float.IsFinite(sigma), $"sigma {sigma}"));
        Assert.True(float.IsFinite(scheduler.InitNoiseSigma));

        int index = (int)(begin * scheduler.Timesteps.Length / scheduler.Order) * scheduler.Order;
        scheduler.BeginAt(Math.Min(index, scheduler.Timesteps.Length - 1));
        float[] sample = ReferenceLoop.Sample(Images, 1, 3, 4), input = new float[sample.Length];
        bool learned = descriptor.Find("variance_type") is not null
            && (scheduler.Config.HasWord("variance_type", "learned") || scheduler.Config.HasWord("variance_type", "learned_range"));
        float[] output = new float[learned ? 2 * sample.Length : sample.Length];
        var generator = new TorchCpuGenerator(5);
        scheduler.AddNoise(sample, ReferenceLoop.Noise(Images, 1, 3, 4), sample, scheduler.StepIndex);
        for (int i = 0; i < Evaluations && !scheduler.IsDone; i++)
        {
            scheduler.ScaleModelInput(sample, input);
            for (int j = 0; j < output.Length; j++)
            {
                output[j] = MathF.Tanh(input[j % input.Length] + scheduler.Timestep / 1000);
            }
            scheduler.Step(output, sample, generator);
        }
    }
}
