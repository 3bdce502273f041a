using System.Collections.Concurrent;
using Grpc.Core;

namespace Brownian.Gateway.Direct;

/// <summary>
/// The current calls to workers. gRPC passes each attempt to the picker and the HTTP handler as a separate request; a header, which is removed before
/// sending, contains the id of its call.
/// </summary>
internal sealed class WorkerCalls
{
    private const string Header = "brownian-worker-call";

    private readonly ConcurrentDictionary<string, WorkerCall> _calls = new(StringComparer.Ordinal);
    private long _last;

    /// <summary>Starts a call.</summary>
    /// <param name="model">The model that its worker serves; null for any.</param>
    /// <returns>The call, to be disposed when it is over.</returns>
    public WorkerCall Begin(string? model)
    {
        string id = Interlocked.Increment(ref _last).ToString(CultureInfo.InvariantCulture);
        return _calls[id] = new WorkerCall(model, new Metadata { { Header, id } }, () => _calls.TryRemove(id, out _));
    }

    /// <summary>Returns the call of an attempt; null when the call is over.</summary>
    public WorkerCall? Of(HttpRequestMessage attempt) => _calls.GetValueOrDefault(attempt.Headers.GetValues(Header).Single());

    /// <summary>Returns the call of an attempt that is about to be sent, and removes the header.</summary>
    public WorkerCall? Take(HttpRequestMessage attempt)
    {
        WorkerCall? call = Of(attempt);
        attempt.Headers.Remove(Header);
        return call;
    }
}
