using Brownian.Tests.Programs;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>A copy of a folder whose files are links, in which one file at a time is replaced.</summary>
internal sealed class FolderFile : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _source;

    /// <param name="source">The folder, whose name the copy has.</param>
    public FolderFile(string source)
    {
        _source = source;
        FullPath = _folder.Combine(Path.GetFileName(source));
        Directory.CreateDirectory(FullPath);
        foreach (string file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(FullPath, Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.CreateSymbolicLink(copy, file);
        }
    }

    /// <summary>The copy.</summary>
    public string FullPath { get; }

    /// <summary>Runs something while a file has other bytes.</summary>
    public void With(string file, byte[] bytes, Action run)
    {
        string copy = Path.Combine(FullPath, file), original = Path.Combine(_source, file);
        File.Delete(copy);
        File.WriteAllBytes(copy, bytes);
        try
        {
            run();
        }
        finally
        {
            File.Delete(copy);
            if (File.Exists(original))
            {
                File.CreateSymbolicLink(copy, original);
            }
        }
    }

    public void Dispose() => _folder.Dispose();
}
