using System.Net;
using Grpc.Core;

namespace Brownian.Gateway.Direct;

/// <summary>A call to a worker, with all of its attempts, which are sequential.</summary>
/// <param name="model">The model that the worker serves; null for any.</param>
/// <param name="headers">The headers of each attempt, which identify the call.</param>
/// <param name="end">Called when the call is over.</param>
internal sealed class WorkerCall(string? model, Metadata headers, Action end) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly HashSet<EndPoint> _tried = [];
    private WorkerLoad? _load;
    private bool _isOver;

    /// <summary>The model that its worker serves; null for any.</summary>
    public string? Model => model;

    /// <summary>The headers of each attempt.</summary>
    public Metadata Headers => headers;

    /// <summary>
    /// The number of queries of the catalogue when the picker first handled this attempt; null before that. A later answer counts as fresh for the
    /// attempt.
    /// </summary>
    public long? Requested { get; set; }

    /// <summary>The failure of the last attempt at its worker; null when none failed.</summary>
    public RpcException? Failure { get; private set; }

    /// <summary>The error with which the balancer ended the call; null when a worker's answer or a lack of workers ends it.</summary>
    public Exception? Error { get; set; }

    /// <summary>Whether a worker was already tried for this call.</summary>
    public bool HasTried(EndPoint worker) => _tried.Contains(worker);

    /// <summary>Counts the call at a worker, and no longer at the previous one.</summary>
    public void Enter(WorkerLoad load)
    {
        lock (_lock)
        {
            Leave();
            if (!_isOver)
            {
                (_load = load).Add(1);
            }
        }
    }

    /// <summary>Marks the attempt as sent to the worker at which it is counted.</summary>
    /// <returns>The worker; null when the call is over.</returns>
    public WorkerLoad? Send()
    {
        lock (_lock)
        {
            Requested = null;
            if (_load is not null)
            {
                _tried.Add(_load.EndPoint);
            }
            return _load;
        }
    }

    /// <summary>Marks the attempt as failed before its worker sent a message.</summary>
    public void Fail(RpcException failure)
    {
        lock (_lock)
        {
            Failure = failure;
            Leave();
        }
    }

    /// <summary>Ends the call: it is no longer counted at any worker.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _isOver = true;
            Leave();
        }
        end();
    }

    private void Leave()
    {
        _load?.Add(-1);
        _load = null;
    }
}
