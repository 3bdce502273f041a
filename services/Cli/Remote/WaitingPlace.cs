using Brownian.Cli.Output;
using Brownian.Client;
using Brownian.V1;
using Grpc.Core;

namespace Brownian.Cli.Remote;

/// <summary>Shows, while a job waits for a worker, how many jobs are before it. A gateway sends no event when this number changes.</summary>
/// <param name="client">The gateway.</param>
/// <param name="progress">Shows the number.</param>
/// <param name="cancellationToken">Ends it.</param>
internal sealed class WaitingPlace(BrownianClient client, IGenerationProgress progress, CancellationToken cancellationToken) : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private CancellationTokenSource? _shown;

    /// <summary>Begins to show a job's place.</summary>
    /// <param name="id">The job.</param>
    public void Show(string id)
    {
        Hide();
        _shown = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _ = FollowAsync(id, _shown.Token);
    }

    /// <summary>Ends it: nothing is shown after this call.</summary>
    public void Hide()
    {
        lock (_lock)
        {
            _shown?.Cancel();
        }
        _shown?.Dispose();
        _shown = null;
    }

    /// <inheritdoc/>
    public void Dispose() => Hide();

    private async Task FollowAsync(string id, CancellationToken hidden)
    {
        try
        {
            using var timer = new PeriodicTimer(Pause);
            string? shown = null;
            while (await timer.WaitForNextTickAsync(hidden))
            {
                Job job = await client.Generation.GetAsync(new GetJobRequest { Id = id }, cancellationToken: hidden);
                string? place = job.HasJobsBefore ? "waiting for a worker, " + JobText.Place(job.JobsBefore) : null;
                lock (_lock)
                {
                    if (place is null || place == shown || hidden.IsCancellationRequested)
                    {
                        continue;
                    }
                    progress.ShowPlace(shown = place);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The job has a worker, or the command ends.
        }
        catch (RpcException)
        {
            // A key that may not read jobs, or a gateway that does not answer: the events say more.
        }
    }
}
