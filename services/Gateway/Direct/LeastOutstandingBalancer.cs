using System.Net;
using Grpc.Core;
using Grpc.Net.Client.Balancer;

namespace Brownian.Gateway.Direct;

/// <summary>
/// Picks the worker with the fewest calls of this gateway, among the connected workers that serve a call's model. Equal ones are picked in turn.
/// </summary>
/// <remarks>
/// Not derived from <see cref="SubchannelsLoadBalancer"/>, which keeps its last workers when the resolver finds none, does not report workers that
/// are still connecting to its picker, and creates no new picker when the resolver's answer is unchanged, although a call may wait for that.
/// Grpc.Net.Client calls the balancer, and reports changes of subchannels, under one lock; pickers are called at any time.
/// </remarks>
/// <param name="resolver">Provides the workers.</param>
/// <param name="calls">The current calls.</param>
/// <param name="controller">The channel.</param>
internal sealed class LeastOutstandingBalancer(WorkerResolver resolver, WorkerCalls calls, IChannelControlHelper controller) : LoadBalancer
{
    /// <summary>The greatest age of the catalogue's answer when a worker is picked.</summary>
    private static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(1);

    private readonly WorkerResolver _resolver = resolver;
    private readonly WorkerCalls _calls = calls;
    private readonly Dictionary<EndPoint, Member> _members = [];

    /// <summary>Also contains workers that left while they had calls, because they may come back.</summary>
    private readonly Dictionary<EndPoint, WorkerLoad> _loads = [];

    private readonly Lock _picking = new();
    private long _turn;
    private Status _resolved = Status.DefaultSuccess;
    private (long Number, long At) _requested;
    private bool _isDisposed;

    /// <inheritdoc/>
    public override void UpdateChannelState(ChannelState state)
    {
        if (_isDisposed)
        {
            return;
        }
        _requested = (_resolver.Requested, _resolver.RequestedAt);
        _resolved = state.Status;
        if (state.Addresses is { } addresses)
        {
            Update(addresses);
        }
        UpdatePicker();
    }

    /// <inheritdoc/>
    public override void RequestConnection()
    {
        foreach (Member member in _members.Values.ToArray())
        {
            member.Subchannel.RequestConnection();
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _isDisposed = true;
        Update([]);
        base.Dispose(disposing);
    }

    private void Update(IReadOnlyList<BalancerAddress> addresses)
    {
        HashSet<EndPoint> here = [.. addresses.Select(address => address.EndPoint)];
        foreach ((EndPoint endPoint, Member member) in _members.ToArray())
        {
            // A worker that could not be reached gets a new subchannel that connects at once, because it may be back.
            if (!here.Contains(endPoint) || member.State == ConnectivityState.TransientFailure)
            {
                _members.Remove(endPoint);
                // The subchannel's calls continue on their connection.
                member.Subchannel.Dispose();
            }
        }
        foreach (EndPoint idle in _loads.Where(load => load.Value.Outstanding == 0 && !here.Contains(load.Key)).Select(load => load.Key).ToArray())
        {
            _loads.Remove(idle);
        }
        var added = new List<Member>();
        foreach (BalancerAddress address in addresses)
        {
            if (!_members.TryGetValue(address.EndPoint, out Member? member))
            {
                if (!_loads.TryGetValue(address.EndPoint, out WorkerLoad? load))
                {
                    _loads[address.EndPoint] = load = new WorkerLoad(address.EndPoint);
                }
                _members[address.EndPoint] = member = new Member(controller.CreateSubchannel(new SubchannelOptions([address])), load);
                member.Subchannel.OnStateChanged(state => UpdateMember(member, state));
                added.Add(member);
            }
            member.Models = address.Attributes.TryGetValue(WorkerResolver.Models, out IReadOnlySet<string>? models) ? models : new HashSet<string>();
            member.Load.IsTls = address.Attributes.TryGetValue(WorkerResolver.IsTls, out bool isTls) && isTls;
            member.Load.ServerName = address.Attributes.TryGetValue(WorkerResolver.ServerName, out string? name) ? name : null;
        }
        // Last, because a change of a connection's state creates a picker, which must contain all workers.
        foreach (Member member in added)
        {
            member.Subchannel.RequestConnection();
        }
    }

    private void UpdateMember(Member member, SubchannelState state)
    {
        bool isCurrent = _members.TryGetValue(member.Load.EndPoint, out Member? current) && current == member;
        // A connection attempt that timed out fails and then becomes idle; it counts as failed until the resolver's next answer.
        if (!isCurrent || (state.State == ConnectivityState.Idle && member.State == ConnectivityState.TransientFailure))
        {
            return;
        }
        (member.State, member.Status) = (state.State, state.Status);
        if (state.State == ConnectivityState.Idle)
        {
            member.Subchannel.RequestConnection();
        }
        UpdatePicker();
    }

    private void UpdatePicker()
    {
        Worker[] workers =
            [.. _members.Values.Select(member => new Worker(member.Subchannel, member.Load, member.Models, member.State, member.Status))];
        ConnectivityState state = workers.Any(worker => worker.State == ConnectivityState.Ready) ? ConnectivityState.Ready
            : workers.Any(worker => worker.State != ConnectivityState.TransientFailure) ? ConnectivityState.Connecting
            : ConnectivityState.TransientFailure;
        controller.UpdateState(new BalancerState(state, new Picker(this, workers, _resolved, _requested)));
    }

    private sealed class Member(Subchannel subchannel, WorkerLoad load)
    {
        public Subchannel Subchannel => subchannel;

        public WorkerLoad Load => load;

        public IReadOnlySet<string> Models { get; set; } = new HashSet<string>();

        public ConnectivityState State { get; set; } = ConnectivityState.Idle;

        public Status Status { get; set; }
    }

    private sealed record Worker(Subchannel Subchannel, WorkerLoad Load, IReadOnlySet<string> Models, ConnectivityState State, Status Status);

    /// <summary>
    /// Picks among the workers at one point in time. A waiting call gets the next picker, which each change of the workers creates.
    /// </summary>
    private sealed class Picker(
        LeastOutstandingBalancer balancer, Worker[] workers, Status resolved, (long Number, long At) requested) : SubchannelPicker
    {
        public override PickResult Pick(PickContext context)
        {
            if (balancer._calls.Of(context.Request!) is not { } call)
            {
                return PickResult.ForDrop(new Status(StatusCode.Cancelled, "the call has ended"));
            }
            call.Requested ??= balancer._resolver.Requested;
            bool isFresh = requested.Number > call.Requested;
            bool isResolved = resolved.StatusCode == StatusCode.OK;
            if (!isFresh && (!isResolved || balancer._resolver.Age(requested.At) > MaxAge))
            {
                // The query that is already running is sufficient.
                return Wait(requested.Number + 1);
            }
            if (!isResolved)
            {
                return Drop(call, resolved, resolved.DebugException);
            }
            Worker[] able =
                [.. workers.Where(worker => (call.Model is null || worker.Models.Contains(call.Model)) && !call.HasTried(worker.Load.EndPoint))];
            if (PickReady(call, able) is { } picked)
            {
                return PickResult.ForSubchannel(picked.Subchannel);
            }
            if (able.Any(worker => worker.State != ConnectivityState.TransientFailure))
            {
                return PickResult.ForQueue();
            }
            if (!isFresh)
            {
                // Before the call fails, the catalogue is queried again: a worker may have appeared, or come back at its address.
                return Wait(call.Requested.Value + 1);
            }
            return call.Failure is { } failure ? Drop(call, failure.Status, failure)
                : able.Length > 0 ? Drop(call, Unreachable(able[0]), null)
                : Drop(call, new Status(StatusCode.Unavailable, Missing(call.Model)), null);
        }

        private Worker? PickReady(WorkerCall call, Worker[] able)
        {
            lock (balancer._picking)
            {
                Worker? picked =
                    able.Where(worker => worker.State == ConnectivityState.Ready).MinBy(worker => (worker.Load.Outstanding, worker.Load.Turn));
                if (picked is not null)
                {
                    call.Enter(picked.Load);
                    picked.Load.Turn = ++balancer._turn;
                }
                return picked;
            }
        }

        private PickResult Wait(long number)
        {
            balancer._resolver.Require(number);
            return PickResult.ForQueue();
        }

        /// <summary>Ends the call without a retry, because the failure would be repeated.</summary>
        private static PickResult Drop(WorkerCall call, Status status, Exception? error)
        {
            call.Error = error;
            return PickResult.ForDrop(status);
        }

        private Status Unreachable(Worker worker)
        {
            Exception? reason = worker.Status.DebugException;
            string where = $"the {balancer._resolver.Role} at {worker.Subchannel.GetAddresses()[0]}";
            return new Status(StatusCode.Unavailable, $"{where} cannot be reached: {reason?.Message ?? worker.Status.Detail}", reason);
        }

        private string Missing(string? model) =>
            model is null ? $"no {balancer._resolver.Role} is ready now" : $"no {balancer._resolver.Role} that is ready serves the model {model} now";
    }
}
