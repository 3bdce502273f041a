using Brownian.Inference.Sessions;
using Brownian.Inference.Tests.Models;
using Brownian.Tests.Programs;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Tests.Sessions;

public sealed class StoppedLoadTests
{
    [Fact]
    public async Task A_load_that_is_under_way_is_stopped()
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
}
