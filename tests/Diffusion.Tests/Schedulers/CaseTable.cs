namespace Brownian.Diffusion.Tests.Schedulers;

/// <summary>The tab-separated tables in Cases/, without their heading.</summary>
internal static class CaseTable
{
    public static IEnumerable<string[]> Read(string name) =>
        File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Cases", name)).Skip(1).Select(line => line.Split('\t'));
}
