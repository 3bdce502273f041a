using System.Text;
using Brownian.Tests.Programs;

namespace Brownian.Fuzzing.Tests.Engine;

/// <summary>Files of the repository as inputs.</summary>
internal static class SeedFiles
{
    /// <summary>The folder of the tiny models.</summary>
    public static string Models { get; } = Repository.Combine("tests", "Golden.Tests", "Data", "models");

    /// <summary>Returns the files of a folder and its folders, of up to a size.</summary>
    public static IEnumerable<FuzzInput> Of(string kind, string pattern, long max, params string[] folder) =>
        Directory.EnumerateFiles(Repository.Combine(folder), pattern, SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .Where(file => new FileInfo(file).Length <= max).Select(file => new FuzzInput(kind, File.ReadAllBytes(file)));

    /// <summary>Returns texts.</summary>
    public static IEnumerable<FuzzInput> Texts(string kind, params IEnumerable<string> texts) =>
        texts.Select(text => new FuzzInput(kind, Encoding.UTF8.GetBytes(text)));
}
