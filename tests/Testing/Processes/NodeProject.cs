using System.Diagnostics;

namespace Brownian.Testing.Processes;

/// <summary>A Node.js project in a folder of its own, with the packages that <c>package-lock.json</c> pins and the protos beside it.</summary>
/// <param name="source">The project's folder in the repository.</param>
public abstract class NodeProject(string source) : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(3);

    private readonly TemporaryFolder _folder = new();

    /// <summary>A path in the project's folder.</summary>
    public string Combine(string name) => _folder.Combine(name);

    /// <inheritdoc/>
    public virtual async ValueTask InitializeAsync()
    {
        foreach (string file in Directory.GetFiles(source).Where(file => Path.GetExtension(file) is ".json" or ".js" or ".mjs"))
        {
            File.Copy(file, Combine(Path.GetFileName(file)));
        }
        Directory.CreateSymbolicLink(Combine("protos"), Repository.Combine("protos"));
        (int exitCode, _, string error) = await RunAsync("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund");
        Assert.True(exitCode == 0, "npm ci failed: " + error);
    }

    /// <summary>Runs a program in the project's folder.</summary>
    public async Task<(int ExitCode, string Output, string Error)> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = _folder.FullPath,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        };
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            throw new InvalidOperationException($"{program} is missing: install Debian's packages nodejs and npm (tests/run does)", exception);
        }
        using (process)
        using (var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken))
        {
            deadline.CancelAfter(Deadline);
            Task<string> output = process.StandardOutput.ReadToEndAsync(deadline.Token), error = process.StandardError.ReadToEndAsync(deadline.Token);
            try
            {
                await process.WaitForExitAsync(deadline.Token);
                return (process.ExitCode, await output, await error);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end in {Deadline}");
            }
        }
    }

    /// <inheritdoc/>
    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }
}
