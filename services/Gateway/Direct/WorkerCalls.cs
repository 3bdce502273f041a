using System.Collections.Concurrent;
using Grpc.Core;

namespace Brownian.Gateway.Direct;

/// <summary>
/// The calls to workers that are under way. gRPC gives the picker and the HTTP handler each attempt as a request of its own: a header, which is not
/// sent, names the call that it belongs to.
/// </summary>
internal sealed class WorkerCalls
{
    private const string Header = "brownian-worker-call";

    private readonly ConcurrentDictionary<string, WorkerCall> _calls = new(StringComparer.Ordinal);
    private long _last;

    /// <summary>Begins a call.</summary>
    /// <param name="model">The model that its worker serves; null for any.</param>
    /// <returns>To dispose when the call is over.</returns>
    public WorkerCall Begin(string? model)
    {
        string id = Interlocked.Increment(ref _last).ToString(CultureInfo.InvariantCulture);
        return _calls[id] = new WorkerCall(model, new Metadata { { Header, id } }, () => _calls.TryRemove(id, out _));
    }

    /// <summary>The call that an attempt belongs to; null where it is over.</summary>
    public WorkerCall? Of(HttpRequestMessage attempt) => _calls.GetValueOrDefault(attempt.Headers.GetValues(Header).Single());

    /// <summary>Takes the call's name off an attempt that is sent now.</summary>
    public WorkerCall? Take(HttpRequestMessage attempt)
    {
        WorkerCall? call = Of(attempt);
        attempt.Headers.Remove(Header);
        return call;
    }
}
