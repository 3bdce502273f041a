using System.Reflection;

namespace Brownian.Tests.Programs;

/// <summary>The files that the tests were built from.</summary>
internal static class Repository
{
    /// <summary>The folder with the solution.</summary>
    public static string Root { get; } = Find();

    /// <summary>A path in the repository.</summary>
    public static string Combine(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>A file's text.</summary>
    public static string Read(params string[] parts) => File.ReadAllText(Combine(parts));

    private static string Find()
    {
        // <root>/artifacts/bin/<project>/<configuration>/
        var own = new DirectoryInfo(Path.GetDirectoryName(Assembly.GetExecutingAssembly().Location)!);
        string root = own.Parent!.Parent!.Parent!.Parent!.FullName;
        return File.Exists(Path.Combine(root, "Platform.sln"))
            ? root
            : throw new InvalidOperationException($"{root} holds no Platform.sln: the tests run where they were built");
    }
}
