using Brownian.Tests.Programs;

namespace Brownian.Fuzzing.Tests.Engine;

/// <summary>
/// Inputs on disk: those that showed faults before, in the folder Corpus, and those of failed cases, in the folder of build outputs. A file is
/// <c>TARGET/KIND/NAME</c>, with ~ for / in the kind.
/// </summary>
internal static class FuzzCorpus
{
    /// <summary>The folder of failed cases.</summary>
    public static string Failed { get; } = Repository.Combine("artifacts", "fuzzing");

    /// <summary>Returns the inputs that showed faults of a target before.</summary>
    public static IReadOnlyList<(string Name, FuzzInput Input)> Of(string target)
    {
        string folder = Repository.Combine("tests", "Fuzzing.Tests", "Corpus", target);
        return !Directory.Exists(folder)
            ? []
            :
            [
                .. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(file => (
                    Path.GetFileName(file),
                    new FuzzInput(Path.GetFileName(Path.GetDirectoryName(file)!).Replace('~', '/'), File.ReadAllBytes(file)))),
            ];
    }

    /// <summary>Stores the input of a failed case.</summary>
    /// <returns>The file.</returns>
    public static string Save(string target, ulong seed, FuzzFault fault)
    {
        string folder = Path.Combine(Failed, target, fault.Input.Kind.Replace('/', '~'));
        Directory.CreateDirectory(folder);
        string file = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"seed-{seed}-case-{fault.Case}"));
        File.WriteAllBytes(file, fault.Input.Bytes);
        return file;
    }
}
