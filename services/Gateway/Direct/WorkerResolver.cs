using System.Net;
using Brownian.Jobs.Catalog;
using Grpc.Core;
using Grpc.Net.Client.Balancer;

namespace Brownian.Gateway.Direct;

/// <summary>
/// Resolves a role to the addresses of its ready workers in the catalogue, each with the models that it serves. It queries the catalogue on request.
/// Unlike <see cref="PollingResolver"/>, which ignores requests during a query, it answers them with a further query.
/// </summary>
/// <param name="role">The workers' role.</param>
/// <param name="catalog">The catalogue with the workers.</param>
/// <param name="clock">Measures the age of an answer.</param>
internal sealed class WorkerResolver(string role, ICatalog catalog, TimeProvider clock) : Resolver
{
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stop = new();
    private Action<ResolverResult>? _listener;
    private long _required;
    private long _requested;
    private bool _isQuerying;

    /// <summary>The attribute of an address with the models that its worker serves.</summary>
    public static BalancerAttributesKey<IReadOnlySet<string>> Models { get; } = new("models");

    /// <summary>The attribute of an address whose worker's port speaks TLS.</summary>
    public static BalancerAttributesKey<bool> IsTls { get; } = new("tls");

    /// <summary>The attribute of an address with the host name in its worker's certificate, where that is not its host.</summary>
    public static BalancerAttributesKey<string?> ServerName { get; } = new("server-name");

    /// <summary>The role that is resolved.</summary>
    public string Role => role;

    /// <summary>The number of queries of the catalogue.</summary>
    public long Requested => Interlocked.Read(ref _requested);

    /// <summary>The timestamp of the last query, for <see cref="TimeProvider.GetElapsedTime(long)"/>.</summary>
    public long RequestedAt { get; private set; }

    /// <summary>Returns the time since a value of <see cref="RequestedAt"/>.</summary>
    public TimeSpan Age(long requestedAt) => clock.GetElapsedTime(requestedAt);

    /// <inheritdoc/>
    public override void Start(Action<ResolverResult> listener) => _listener = listener;

    /// <inheritdoc/>
    public override void Refresh() => Require(Requested + 1);

    /// <summary>Queries the catalogue in the background until the number of queries reaches the given one.</summary>
    public void Require(long requested)
    {
        lock (_lock)
        {
            _required = Math.Max(_required, requested);
            if (_isQuerying || _required <= _requested)
            {
                return;
            }
            _isQuerying = true;
        }
        // Queued without the execution context: a query that serves all calls must not be part of the trace of the call that first needs it.
        ThreadPool.UnsafeQueueUserWorkItem(static resolver => _ = resolver.QueryAsync(), this, preferLocal: false);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _stop.Cancel();
        base.Dispose(disposing);
    }

    private async Task QueryAsync()
    {
        while (IsRequired())
        {
            ResolverResult result;
            try
            {
                result = ResolverResult.ForResult(AddressesOf(await catalog.WorkersAsync(_stop.Token)));
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                result = ResolverResult.ForFailure(new Status(StatusCode.Unavailable, exception.Message, exception));
            }
            _listener!(result);
        }
    }

    private bool IsRequired()
    {
        lock (_lock)
        {
            _isQuerying = _requested < _required;
            if (_isQuerying)
            {
                _requested++;
                RequestedAt = clock.GetTimestamp();
            }
            return _isQuerying;
        }
    }

    private BalancerAddress[] AddressesOf(IReadOnlyList<WorkerCard> workers) =>
    [
        .. workers
            .Where(worker => worker.Role == role && worker.State == WorkerState.Ready)
            .Select(worker => (Card: worker, Uri: Uri.TryCreate(worker.Address, UriKind.Absolute, out Uri? uri) ? uri : null))
            .Where(worker => worker.Uri is not null)
            .GroupBy(worker => new DnsEndPoint(worker.Uri!.IdnHost, worker.Uri.Port))
            .Select(workers =>
            {
                var address = new BalancerAddress(workers.Key);
                address.Attributes.Set(Models, workers.SelectMany(worker => worker.Card.Models.Keys).ToHashSet(StringComparer.Ordinal));
                // The last card is that of the process that listens there now, where one before it left its card behind.
                (WorkerCard card, Uri? uri) = workers.MaxBy(worker => worker.Card.Seen);
                address.Attributes.Set(IsTls, uri!.Scheme == Uri.UriSchemeHttps);
                address.Attributes.Set(ServerName, card.ServerName);
                return address;
            }),
    ];
}
