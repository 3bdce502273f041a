using Brownian.Inference.Sessions;

namespace Brownian.Cli.Output;

/// <summary>Says on standard error which optimised forms of graphs were made, in what time and of what size.</summary>
internal sealed class OptimizationReport : IProgress<OptimizedGraph>
{
    public void Report(OptimizedGraph value) => Console.Error.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"optimised {Path.GetFileName(Path.GetDirectoryName(value.File))} in {value.Time.TotalSeconds:0.0} s: {value.Bytes / 1e6:0.0} MB in "
            + $"{value.Folder}; \"brownian models prune\" removes what is not used"));
}
