using Brownian.Fuzzing.Tests.Engine;
using Brownian.Fuzzing.Tests.Targets;

namespace Brownian.Fuzzing.Tests;

/// <summary>Changed inputs for every target: none may crash the product, hang it, or make it grow. docs/fuzzing.md has the commands.</summary>
[Collection(RunsAlone)]
public sealed class FuzzTests(ITestOutputHelper output)
{
    /// <summary>One class after the other: runs measure the memory of the whole process, and one redirects its console.</summary>
    internal const string RunsAlone = "alone";

    private static readonly FuzzSettings Settings = FuzzSettings.Read();

    /// <summary>The targets' names.</summary>
    public static TheoryData<string> Names =>
        [.. FuzzTargets.All.Keys.Where(name => Settings.Target is null || Settings.Target == name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Changed_inputs_are_accepted_or_refused_as_documented(string name)
    {
        using FuzzTarget target = FuzzTargets.All[name]();
        double share = Settings.Seconds / Names.Count;
        using var run = new FuzzRun(target, Settings.Seed) { MaxCase = target.MaxCase };
        FuzzReport report = Settings.Case is { } number
            ? run.Run([], 1, TimeSpan.MaxValue, number)
            : run.Run(FuzzCorpus.Of(name), (long)Math.Ceiling(share * target.CasesPerSecond), TimeSpan.FromSeconds(2 * share));

        output.WriteLine(report.ToString());
        Directory.CreateDirectory(FuzzCorpus.Failed);
        File.AppendAllText(Path.Combine(FuzzCorpus.Failed, "reports.tsv"), report + "\n");
        Assert.True(report.Faults.Count == 0, string.Join("\n\n", report.Faults.Select(fault => string.Create(
            CultureInfo.InvariantCulture,
            $"FUZZ_TARGET={name} FUZZ_SEED={Settings.Seed} FUZZ_CASE={fault.Case} ({FuzzCorpus.Save(name, Settings.Seed, fault)}): {fault.What}"))));
    }
}
