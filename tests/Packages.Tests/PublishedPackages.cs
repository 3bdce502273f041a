using System.Diagnostics;
using System.Xml.Linq;

namespace Brownian.Packages.Tests;

/// <summary>What build/publish makes, in a folder of its own.</summary>
public sealed class PublishedPackages : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(30);

    private readonly TemporaryFolder _folder = new();

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
        (int exitCode, string output) = await RunAsync(Repository.Combine("build", "publish"), ["-o", Folder, "-p:RunAnalyzers=false"]);
        Assert.True(exitCode == 0, output);
    }

    public ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Runs a program to its end.</summary>
    /// <param name="file">The program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="environment">Further environment variables.</param>
    /// <returns>Its exit code, and what it printed.</returns>
    internal static async Task<(int ExitCode, string Output)> RunAsync(
        string file, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }
        using Process process = Process.Start(start)!;
        using var deadline = new CancellationTokenSource(Deadline);
        Task<string> output = process.StandardOutput.ReadToEndAsync(deadline.Token), error = process.StandardError.ReadToEndAsync(deadline.Token);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{file} {string.Join(' ', arguments)} did not end in {Deadline}");
        }
        return (process.ExitCode, await output + await error);
    }
}
