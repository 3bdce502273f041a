using Brownian.Jobs.Catalog;
using Grpc.Core;
using Grpc.Net.Client;

namespace Brownian.Gateway.Direct;

/// <summary>
/// Channels to the stage services that serve a model, and which of them has the least to do: the one with the fewest calls of this gateway
/// under way. The pool asks the catalogue for the workers, repeatedly.
/// </summary>
/// <param name="catalog">The known workers.</param>
/// <param name="clock">For how old the answer is.</param>
public sealed class WorkerPool(ICatalog catalog, TimeProvider clock) : IDisposable
{
    private const int MaxMessageBytes = 256 << 20;

    private static readonly TimeSpan Refresh = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();

    /// <summary>Under the lock, with what is outstanding at each: a channel is closed only while no call has it.</summary>
    private readonly Dictionary<string, Member> _members = new(StringComparer.Ordinal);

    private readonly SemaphoreSlim _refreshing = new(1, 1);
    private IReadOnlyList<WorkerCard> _workers = [];
    private DateTimeOffset _refreshed = DateTimeOffset.MinValue;

    /// <summary>Makes a call that can be made again: to the least busy worker, and to another one when that one is away or full.</summary>
    /// <param name="role">The workers' role.</param>
    /// <param name="model">The model they serve; null for any.</param>
    /// <param name="call">The call; must be safe to repeat until it has returned something to its caller.</param>
    /// <param name="isSafe">Whether it still is.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="RpcException">The last worker's answer; UNAVAILABLE when there is none.</exception>
    public async Task<T> CallAsync<T>(
        string role, string? model, Func<GrpcChannel, Task<T>> call, Func<bool> isSafe, CancellationToken cancellationToken)
    {
        var tried = new HashSet<string>(StringComparer.Ordinal);
        RpcException? last = null;
        while (await PickAsync(role, model, tried, cancellationToken) is { } member)
        {
            tried.Add(member.Address);
            try
            {
                return await call(member.Channel);
            }
            catch (RpcException exception) when (exception.StatusCode is StatusCode.Unavailable or StatusCode.ResourceExhausted && isSafe())
            {
                last = exception;
            }
            finally
            {
                lock (_lock)
                {
                    member.Outstanding--;
                }
            }
        }
        string missing = model is null ? $"no {role} is ready now" : $"no {role} that is ready serves the model {model} now";
        throw last ?? new RpcException(new Status(StatusCode.Unavailable, missing));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            foreach (Member member in _members.Values)
            {
                member.Channel.Dispose();
            }
        }
        _refreshing.Dispose();
    }

    private async Task<Member?> PickAsync(string role, string? model, HashSet<string> tried, CancellationToken cancellationToken)
    {
        DateTimeOffset asked = clock.GetUtcNow();
        await RefreshAsync(asked - Refresh, cancellationToken);
        if (Pick(role, model, tried) is { } member)
        {
            return member;
        }
        // Before the pool reports that no worker is there: one may have come since.
        await RefreshAsync(asked, cancellationToken);
        return Pick(role, model, tried);
    }

    /// <summary>Asks the catalogue, unless it was asked since.</summary>
    private async Task RefreshAsync(DateTimeOffset since, CancellationToken cancellationToken)
    {
        if (_refreshed > since)
        {
            return;
        }
        await _refreshing.WaitAsync(cancellationToken);
        try
        {
            if (_refreshed <= since)
            {
                DateTimeOffset asked = clock.GetUtcNow();
                _workers = await catalog.WorkersAsync(cancellationToken);
                _refreshed = asked;
                RemoveGone();
            }
        }
        finally
        {
            _refreshing.Release();
        }
    }

    /// <summary>A member for one call, which it counts from now on.</summary>
    private Member? Pick(string role, string? model, HashSet<string> tried)
    {
        lock (_lock)
        {
            // Equal ones in turn: the order of the addresses must not favour one.
            Member? picked = _workers
                .Where(worker => worker.Role == role && worker.State == WorkerState.Ready && (model is null || worker.Models.ContainsKey(model)))
                .Select(worker => worker.Address)
                .OfType<string>()
                .Where(address => !tried.Contains(address))
                .Select(MemberAt)
                .MinBy(member => (member.Outstanding, member.Turn));
            if (picked is not null)
            {
                picked.Outstanding++;
                picked.Turn = clock.GetTimestamp();
            }
            return picked;
        }
    }

    private Member MemberAt(string address)
    {
        if (!_members.TryGetValue(address, out Member? member))
        {
            _members[address] = member = new Member(address, GrpcChannel.ForAddress(address, new GrpcChannelOptions
            {
                // A worker that vanished without a word is found out.
                HttpHandler = new SocketsHttpHandler
                {
                    KeepAlivePingDelay = TimeSpan.FromSeconds(10),
                    KeepAlivePingTimeout = TimeSpan.FromSeconds(5),
                    EnableMultipleHttp2Connections = true,
                },
                DisposeHttpClient = true,
                MaxReceiveMessageSize = MaxMessageBytes,
                MaxSendMessageSize = MaxMessageBytes,
            }));
        }
        return member;
    }

    private void RemoveGone()
    {
        lock (_lock)
        {
            HashSet<string?> here = [.. _workers.Select(worker => worker.Address)];
            foreach (Member member in _members.Values.Where(member => member.Outstanding == 0 && !here.Contains(member.Address)).ToArray())
            {
                _members.Remove(member.Address);
                member.Channel.Dispose();
            }
        }
    }

    private sealed class Member(string address, GrpcChannel channel)
    {
        public string Address { get; } = address;

        public int Outstanding { get; set; }

        public long Turn { get; set; }

        public GrpcChannel Channel { get; } = channel;
    }
}
