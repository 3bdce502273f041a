namespace Brownian.Tests.Programs;

/// <summary>A folder of a test's own, which is deleted at its end.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    /// <summary>The folder's path.</summary>
    public string FullPath { get; } = Directory.CreateTempSubdirectory("brownian-test-").FullName;

    /// <summary>A path in the folder.</summary>
    public string Combine(params string[] parts) => Path.Combine([FullPath, .. parts]);

    public void Dispose() => Directory.Delete(FullPath, recursive: true);
}
