using System.Text.Json.Nodes;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Schedulers;

namespace Brownian.Diffusion.Tests.Schedulers;

/// <summary>
/// reference-runs.tsv: the reference's own code with random combinations of options, in the pipeline's order with a generator of seed 0.
/// It ran on PyTorch 1.13 with three changes to match the golden cases: linspace rounds like PyTorch 2.13, float32 roots like its MKL, and
/// types are promoted like in NumPy 2.
/// </summary>
public sealed class ReferenceRunTests
{
    public static TheoryData<string, string, string> Rows
    {
        get
        {
            var rows = new TheoryData<string, string, string>();
            foreach (string[] row in CaseTable.Read("reference-runs.tsv"))
            {
                rows.Add(row[0], row[1], row[2]);
            }
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void A_run_equals_the_reference(string className, string config, string run)
    {
        string[] row =
            CaseTable.Read("reference-runs.tsv").Single(candidate => candidate[0] == className && candidate[1] == config && candidate[2] == run);
        SchedulerDescriptor descriptor = SchedulerCatalog.Find(className).Descriptor;
        Scheduler scheduler = descriptor.Create(
            SchedulerConfig.Resolve(descriptor, null, JsonNode.Parse(config)!.AsObject().ToDictionary(pair => pair.Key, pair => pair.Value)));
        JsonObject arguments = JsonNode.Parse(run)!.AsObject();
        double[]? Numbers(string name) => arguments[name]?.AsArray().Select(node => node!.GetValue<double>()).ToArray();
        scheduler.Start(new SamplingOptions
        {
            Steps = arguments["steps"]?.GetValue<int>(),
            Timesteps = Numbers("timesteps"),
            Sigmas = Numbers("sigmas"),
            Mu = arguments["mu"]?.GetValue<double>(),
            OriginalInferenceSteps = arguments["original_inference_steps"]?.GetValue<int>(),
            Strength = arguments["strength"]?.GetValue<double>() ?? 1,
            Eta = arguments["eta"]?.GetValue<double>(),
            Images = 4,
        });

        Assert.Equal(row[3].Split(' ').Select(number => float.Parse(number, CultureInfo.InvariantCulture)), Visited(scheduler));
        if (row[4].Length > 0)
        {
            Assert.Equal(row[4].Split(' ').Select(number => float.Parse(number, CultureInfo.InvariantCulture)), scheduler.Sigmas.ToArray());
        }
        float[] sample = [.. ReferenceLoop.Sample().Select(value => value * scheduler.InitNoiseSigma)];
        Loop(scheduler, sample, className.StartsWith("FlowMatch", StringComparison.Ordinal), arguments["double"] is not null);
        double expected = double.Parse(row[5], CultureInfo.InvariantCulture), probe = double.Parse(row[6], CultureInfo.InvariantCulture);
        Assert.Equal(expected, sample.Sum(value => Math.Abs((double)value)), 2e-6 * expected);
        Assert.Equal(probe, ReferenceLoop.Probe(sample), 2e-6 * sample.Max(MathF.Abs));
    }

    /// <summary>The timesteps; the table has only one per step for the class that also lists the corrector's evaluations.</summary>
    private static IEnumerable<float> Visited(Scheduler scheduler) =>
        scheduler is ScoreSdeVeScheduler ? scheduler.Timesteps.ToArray().Where((_, i) => i % scheduler.Order == 0) : scheduler.Timesteps.ToArray();

    /// <summary>The reference's model; predicted variances are tanh(x) / 2.</summary>
    private static void Loop(Scheduler scheduler, float[] sample, bool half, bool predictsVariances)
    {
        const int ImageSize = 192;
        var generator = new TorchCpuGenerator(0);
        float[] input = new float[sample.Length], prediction = new float[sample.Length];
        float[] output = predictsVariances ? new float[2 * sample.Length] : prediction;
        while (!scheduler.IsDone)
        {
            scheduler.ScaleModelInput(sample, input);
            if (half)
            {
                ReferenceLoop.Half(input, scheduler.Timestep, prediction);
            }
            else
            {
                ReferenceLoop.Model(input, scheduler.Timestep, prediction);
            }
            for (int i = 0; predictsVariances && i < sample.Length; i++)
            {
                int place = i / ImageSize * 2 * ImageSize + i % ImageSize;
                output[place] = prediction[i];
                output[place + ImageSize] = MathF.Tanh(input[i]) * 0.5f;
            }
            scheduler.Step(output, sample, generator);
        }
    }
}
