using System.Xml.Linq;

namespace Brownian.Packages.Tests;

/// <summary>What build/publish makes, in a folder of its own.</summary>
public sealed class PublishedPackages : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(30);

    /// <summary>Whether everything is made, as by tests/long; tests/run makes the archive of this platform and the tool.</summary>
    private static readonly bool IsWhole = Environment.GetEnvironmentVariable("BROWNIAN_EVERY_CASE") == "1";

    private readonly TemporaryFolder _folder = new();

    /// <summary>The platforms of the archives that are made, and the archives' names.</summary>
    public static TheoryData<string, string> Archives
    {
        get
        {
            TheoryData<string, string> archives = new() { { "linux-x64", "brownian-{0}-linux-x64.tar.gz" } };
            if (IsWhole)
            {
                archives.Add("osx-arm64", "brownian-{0}-osx-arm64.tar.gz");
                archives.Add("win-x64", "brownian-{0}-win-x64.zip");
            }
            return archives;
        }
    }

    /// <summary>The version of the packages.</summary>
    public string Version { get; } = XDocument.Load(Repository.Combine("Directory.Build.props")).Descendants("Version").Single().Value;

    /// <summary>The folder of the packages.</summary>
    public string Folder => _folder.FullPath;

    /// <summary>The path of a package, such as of <c>brownian-{0}-win-x64.zip</c>.</summary>
    /// <param name="name">Its name, with {0} for the version.</param>
    public string Find(string name) => Path.Combine(Folder, string.Format(CultureInfo.InvariantCulture, name, Version));

    public async ValueTask InitializeAsync()
    {
        // The build of the tests has checked the style already.
        ProgramResult published = await BrownianProgram.RunAsync(new ProgramRun
        {
            File = Repository.Combine("build", "publish"),
            Arguments = ["-o", Folder, "-p:RunAnalyzers=false", .. IsWhole ? (string[])[] : ["linux-x64", "tool"]],
            Deadline = Deadline,
        });
        Assert.True(published.ExitCode == 0, published.AllText);
    }

    public ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }
}
