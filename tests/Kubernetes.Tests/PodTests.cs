using System.Diagnostics;

namespace Brownian.Kubernetes.Tests;

/// <summary>The program as a container starts it, with the files that Kubernetes mounts.</summary>
public sealed class PodTests
{
    private const string Mounted = "/var/run/secrets/kubernetes.io/serviceaccount";

    [Fact]
    public async Task The_program_writes_the_annotation_of_its_pod_with_its_service_account()
    {
        await using FakeApi api = await FakeApi.StartAsync();
        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.Combine("ca.crt"), api.Certificate, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(folder.Combine("token"), "the-token-of-the-pod", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(folder.Combine("namespace"), "images", TestContext.Current.CancellationToken);
        using Process process = StartPod(folder.FullPath, api.Port);
        try
        {
            FakeApi.Patch patch = await api.NextAsync();

            Assert.Equal(("images", "denoiser-7d4f-x2x9"), (patch.Namespace, patch.Pod));
            Assert.Equal("Bearer the-token-of-the-pod", patch.Authorization);
            Assert.Equal("""{"metadata":{"annotations":{"controller.kubernetes.io/pod-deletion-cost":"0"}}}""", patch.Body);
        }
        finally
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task Outside_Kubernetes_the_setting_is_refused()
    {
        ProgramResult result = await BrownianProgram.RunAsync(new ProgramRun
        {
            Arguments = ["serve", "--ephemeral", "--http-port", "0", "--grpc-port", "0", "--operator-http-port", "0", "--operator-grpc-port", "0"],
            Environment = new Dictionary<string, string> { ["Platform__DeletionCostPod"] = "denoiser-0", ["KUBERNETES_SERVICE_HOST"] = "" },
        });

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("Platform:DeletionCostPod: is \"denoiser-0\"; allowed: only in a Kubernetes pod", result.Error, StringComparison.Ordinal);
    }

    /// <summary>Starts the program in a mount namespace in which the files of a service account are where Kubernetes mounts them.</summary>
    private static Process StartPod(string files, int port)
    {
        string? unshare = new[] { "--mount", "--mount --map-root-user" }.FirstOrDefault(Works);
        Assert.SkipWhen(unshare is null, "this machine allows no mount namespaces");
        var start = new ProcessStartInfo("unshare");
        foreach (string argument in unshare.Split(' '))
        {
            start.ArgumentList.Add(argument);
        }
        string[] command =
        [
            "sh", "-c", "mount -t tmpfs none /var/run && mkdir -p $1 && cp $2/* $1 && exec $3 serve --ephemeral --http-port 0 --grpc-port 0",
            "sh", Mounted, files, BrownianProgram.File,
        ];
        foreach (string argument in command)
        {
            start.ArgumentList.Add(argument);
        }
        start.Environment["Platform__DeletionCostPod"] = "denoiser-7d4f-x2x9";
        start.Environment["KUBERNETES_SERVICE_HOST"] = "127.0.0.1";
        start.Environment["KUBERNETES_SERVICE_PORT"] = port.ToString(CultureInfo.InvariantCulture);
        return Process.Start(start)!;
    }

    private static bool Works(string arguments)
    {
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }
        using Process process = Process.Start("unshare", arguments + " mount -t tmpfs none /var/run");
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
