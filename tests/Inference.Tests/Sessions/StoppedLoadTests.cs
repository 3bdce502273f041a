using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tests.Models;
using Brownian.Models.Folders;
using Brownian.Tests.Programs;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Tests.Sessions;

public sealed class StoppedLoadTests
{
    [Fact]
    public async Task A_load_in_progress_can_be_stopped()
    {
        using var folder = new TemporaryFolder();
        string file = SlowGraph.Save(folder.Combine("slow"));
        using var stopping = new CancellationTokenSource();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task load = Task.Run(
            () => OnnxGraph.Load(file, new SessionSettings(Threads: 1) { Stopping = stopping.Token }, options =>
            {
                begun.SetResult();
                return new InferenceSession(file, options);
            }),
            TestContext.Current.CancellationToken);

        await begun.Task;
        await stopping.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => load);
    }

    [Fact]
    public async Task Disposed_engines_leave_no_load_running()
    {
        using var folder = new TemporaryFolder();
        new StubModel().Save(folder.Combine("slow"));
        SlowGraph.Save(folder.Combine("slow", "unet"));
        var engines = new LocalEngines([ModelFolder.Open(folder.Combine("slow"))], new SessionSettings(Threads: 1), null);
        using var left = new CancellationTokenSource();
        Task<EngineLease<IDenoiser>> denoiser = engines.DenoiserAsync("slow", null, null, null, [], left.Token);
        await left.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => denoiser);

        engines.Dispose();

        Assert.True(engines.IsSettled);
    }
}
