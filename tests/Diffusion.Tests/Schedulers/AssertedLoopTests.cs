using System.Text.RegularExpressions;
using Brownian.Diffusion.Schedulers;

namespace Brownian.Diffusion.Tests.Schedulers;

/// <summary>Every row of table-a.tsv that is a plain loop: the loops of the reference's own tests, with its measured sums.</summary>
public sealed partial class AssertedLoopTests
{
    /// <summary>The reference runs these through special methods; each has a test class of its own here.</summary>
    private static readonly string[] OwnTests = ["batch_step_no_noise", "switch"];

    /// <summary>Its noise-free loop uses another list of sigmas than the run's own: see <see cref="ScoreSdeVeSchedulerTests"/>.</summary>
    private const string OwnClass = "ScoreSdeVeScheduler";

    private static readonly string[] TwoEvaluations =
        ["HeunDiscreteScheduler", "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler", "DPMSolverSDEScheduler"];

    public static TheoryData<string, string, string> Rows
    {
        get
        {
            var rows = new TheoryData<string, string, string>();
            foreach (string[] row in CaseTable.Read("table-a.tsv"))
            {
                if (SchedulerCatalog.Classes.Any(descriptor => descriptor.ClassName == ClassName(row)) && !OwnTests.Contains(row[1])
                    && row[0] != OwnClass)
                {
                    rows.Add(row[0], row[1], row[2]);
                }
            }
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void A_run_equals_the_reference(string className, string test, string config)
    {
        string[] row = CaseTable.Read("table-a.tsv").Single(candidate => candidate[0] == className && candidate[1] == test && candidate[2] == config);
        string flags = row[4];
        bool oneDimensional = className.EndsWith("(1D)", StringComparison.Ordinal);
        (int height, int width) = oneDimensional ? (8, 1) : (8, 8);

        // Only these rows show the last bit in which the betas of PyTorch 1.13, used to measure the table, differ from those of PyTorch 2.
        bool measuredBetas = className == "PNDMScheduler" && config.Contains("beta_start=0.01", StringComparison.Ordinal);
        Scheduler scheduler = ReferenceLoop.Create(ClassName(row), ImpliedConfig(ClassName(row)) + config, measuredBetas);
        scheduler.Start(Options(row));
        float[] sample = ReferenceLoop.Sample(height: height, width: width);
        if (flags.Split(' ').Contains("I"))
        {
            sample = [.. sample.Select(value => value * scheduler.InitNoiseSigma)];
        }
        if (Begin().Match(flags) is { Success: true } begin)
        {
            int start = begin.Groups[1].Value switch
            {
                "self.num_inference_steps - 2" => 8,
                "num_trained_timesteps - 2" => 998,
                string number => int.Parse(number, CultureInfo.InvariantCulture),
            };
            scheduler.BeginAt(start * scheduler.Order);
            scheduler.AddNoise(sample, ReferenceLoop.Noise(height: height, width: width), sample, start * scheduler.Order);
        }
        else if (test == "full_uneven_loop")
        {
            scheduler.BeginAt(3);
        }
        // The table's "S" means a loop that scales like the pipelines for two classes, and one that does not scale at all for a third.
        bool scaled = flags.Split(' ').Contains("S") && className is not ("CMStochasticIterativeScheduler" or "EDMEulerScheduler");
        ReferenceLoop.Run(scheduler, sample, scaled, unscaled: className == "EDMDPMSolverMultistepScheduler");
        if (className == "IPNDMScheduler")
        {
            // The reference runs it twice over the timesteps, the second time with the history of the first.
            scheduler.BeginAt(0);
            ReferenceLoop.Run(scheduler, sample, scaled);
        }

        double expected = double.Parse(row[7].Split(' ')[0], CultureInfo.InvariantCulture);
        double actual = sample.Sum(value => Math.Abs((double)value));
        // Trajectories that grow or shrink exponentially multiply every rounding.
        double tolerance = expected is > 1e4 or < 1e-2 ? 1e-4 : 1e-5;
        Assert.Equal(expected, actual, tolerance * expected);
    }

    private static SamplingOptions Options(string[] row)
    {
        int evaluations = int.Parse(row[3], CultureInfo.InvariantCulture);
        string className = ClassName(row);
        if (className == "CMStochasticIterativeScheduler" && row[1] == "full_loop_no_noise_multistep")
        {
            return new SamplingOptions { Timesteps = [106, 0], Images = 4 };
        }
        int steps = TwoEvaluations.Contains(className) ? (evaluations + 1) / 2 : className == "PNDMScheduler" ? 10 : evaluations;
        return new SamplingOptions { Steps = steps, Images = 4, Eta = row[1].EndsWith("deter", StringComparison.Ordinal) ? 0 : null };
    }

    /// <summary>The options that the reference's tests set for a whole class.</summary>
    private static string ImpliedConfig(string className) => className switch
    {
        "UnCLIPScheduler" => "clip_sample=True, clip_sample_range=1.0, ",
        _ => "",
    };

    private static string ClassName(string[] row) => row[0].Split(' ')[0];

    [GeneratedRegex(@"N\(t_start=([^)]*)\)")]
    private static partial Regex Begin();
}
