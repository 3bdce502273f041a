using System.ComponentModel;
using System.Diagnostics;

namespace Brownian.AppHost;

/// <summary>Detects Docker or Podman on this machine.</summary>
internal static class ContainerEngine
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(10);

    /// <summary>Whether a container engine responds. A client without its daemon does not count.</summary>
    public static bool Answers() => Environment.GetEnvironmentVariable("ASPIRE_CONTAINER_RUNTIME") is { Length: > 0 } named
        ? Answers(named)
        : Answers("docker") || Answers("podman");

    private static bool Answers(string client)
    {
        try
        {
            var start = new ProcessStartInfo(client, "info") { RedirectStandardOutput = true, RedirectStandardError = true };
            using Process process = Process.Start(start)!;
            // Both streams are read, so that the client never blocks on a full pipe.
            process.OutputDataReceived += static (_, _) => { };
            process.ErrorDataReceived += static (_, _) => { };
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            if (process.WaitForExit(Deadline))
            {
                return process.ExitCode == 0;
            }
            process.Kill(entireProcessTree: true);
            return false;
        }
        catch (Win32Exception)
        {
            // The client is not installed.
            return false;
        }
    }
}
