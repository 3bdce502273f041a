using Brownian.Gateway.Access;
using Brownian.Gateway.Load;
using Brownian.Hosting;
using Brownian.Jobs.Access;
using Brownian.Jobs.Broadcasts;
using Brownian.Jobs.Catalog;
using Brownian.V1;
using Grpc.Core;

namespace Brownian.Gateway.Catalog;

/// <summary>Lists the workers, and sends them commands.</summary>
/// <param name="catalog">The catalogue with the workers.</param>
/// <param name="broadcasts">Sends the commands.</param>
/// <param name="load">The platform's load.</param>
/// <param name="trail">Writes commands to the audit log.</param>
[Requires(Permission.Operate)]
public sealed class WorkersService(ICatalog catalog, IBroadcasts broadcasts, PlatformLoad load, AuditTrail trail) : V1.Workers.WorkersBase
{
    /// <summary>How long a worker may take to confirm a command.</summary>
    private static readonly TimeSpan ConfirmTimeout = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(50);

    /// <inheritdoc/>
    [Requires(Permission.Metrics)]
    public override async Task<ListWorkersResponse> List(ListWorkersRequest request, ServerCallContext context)
    {
        var response = new ListWorkersResponse();
        response.Workers.Add((await catalog.WorkersAsync(context.CancellationToken)).Select(CatalogMessages.ToMessage));
        return response;
    }

    /// <inheritdoc/>
    [Requires(Permission.Metrics)]
    public override async Task<V1.Load> GetLoad(GetLoadRequest request, ServerCallContext context)
    {
        return CatalogMessages.ToMessage(await load.SnapshotAsync(context.CancellationToken));
    }

    /// <inheritdoc/>
    public override Task<Worker> Drain(WorkerRequest request, ServerCallContext context) =>
        CommandAsync(request.Id, WorkerAction.Drain, [WorkerState.Draining], context);

    /// <inheritdoc/>
    public override Task<Worker> Pause(WorkerRequest request, ServerCallContext context) =>
        CommandAsync(request.Id, WorkerAction.Pause, [WorkerState.Paused, WorkerState.Draining], context);

    /// <inheritdoc/>
    public override Task<Worker> Resume(WorkerRequest request, ServerCallContext context) =>
        CommandAsync(request.Id, WorkerAction.Resume, [WorkerState.Ready], context);

    private async Task<Worker> CommandAsync(string id, WorkerAction action, WorkerState[] expected, ServerCallContext context)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        deadline.CancelAfter(ConfirmTimeout);
        WorkerCard card = (await catalog.WorkersAsync(deadline.Token)).FirstOrDefault(worker => worker.Id == id)
            ?? throw new RpcException(new Status(StatusCode.NotFound, $"there is no worker \"{id}\""));
        await trail.WriteAsync(context, "worker." + action.ToString().ToLowerInvariant(), id);
        await broadcasts.PublishAsync(new WorkerCommand(id, action), deadline.Token);
        using var timer = new PeriodicTimer(PollInterval);
        try
        {
            while (true)
            {
                if ((await catalog.WorkersAsync(deadline.Token)).FirstOrDefault(worker => worker.Id == id) is not { } current)
                {
                    // A drained worker has left the catalogue.
                    return CatalogMessages.ToMessage(card with { State = WorkerState.Draining });
                }
                // A drain that ends the worker's process cannot be undone.
                if (expected.Contains(current.State)
                    || (current is { State: WorkerState.Draining, EndsProcess: true } && action == WorkerAction.Resume))
                {
                    return CatalogMessages.ToMessage(current);
                }
                await timer.WaitForNextTickAsync(deadline.Token);
            }
        }
        catch (OperationCanceledException) when (!context.CancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, $"worker {id} did not answer within {ConfirmTimeout.TotalSeconds:0} s"));
        }
    }
}
