using System.Net;
using Grpc.Core;

namespace Brownian.Gateway.Direct;

/// <summary>One call to a worker, over all of its attempts, which follow one another.</summary>
/// <param name="model">The model that the worker serves; null for any.</param>
/// <param name="headers">What each attempt has, so that it is found to be of this call.</param>
/// <param name="end">Runs when the call is over.</param>
internal sealed class WorkerCall(string? model, Metadata headers, Action end) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly HashSet<EndPoint> _tried = [];
    private WorkerLoad? _load;
    private bool _isOver;

    /// <summary>The model that its worker serves; null for any.</summary>
    public string? Model => model;

    /// <summary>What each attempt has.</summary>
    public Metadata Headers => headers;

    /// <summary>
    /// How often the catalogue had been asked when the picker first saw this attempt; null before that. A later answer is fresh for it.
    /// </summary>
    public long? Asked { get; set; }

    /// <summary>Why the last attempt failed at its worker; null where none did.</summary>
    public RpcException? Failure { get; private set; }

    /// <summary>What the balancer ended the call with; null where a worker's answer or a lack of workers ends it.</summary>
    public Exception? Error { get; set; }

    /// <summary>Whether a worker got this call already.</summary>
    public bool HasTried(EndPoint worker) => _tried.Contains(worker);

    /// <summary>Counts the call at a worker, and no longer at the worker before.</summary>
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

    /// <summary>The attempt is sent to the worker that it was counted at.</summary>
    public void Send()
    {
        lock (_lock)
        {
            Asked = null;
            if (_load is not null)
            {
                _tried.Add(_load.EndPoint);
            }
        }
    }

    /// <summary>The attempt failed before its worker sent a message.</summary>
    public void Fail(RpcException failure)
    {
        lock (_lock)
        {
            Failure = failure;
            Leave();
        }
    }

    /// <summary>The call is over: no worker has it any more.</summary>
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
