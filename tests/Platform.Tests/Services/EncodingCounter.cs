using System.Diagnostics.Metrics;
using Brownian.Jobs.Telemetry;

namespace Brownian.Platform.Tests.Services;

/// <summary>Counts the embeddings of a model that were computed or found in the cache, over all nodes of the test's process.</summary>
internal sealed class EncodingCounter : IDisposable
{
    private readonly MeterListener _listener = new();
    private long _computed;
    private long _cached;

    public EncodingCounter(string model)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == PlatformTelemetry.Name && instrument.Name == "brownian.embeddings")
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((_, count, tags, _) =>
        {
            var byName = tags.ToArray().ToDictionary();
            if ((string?)byName["gen_ai.request.model"] == model)
            {
                Interlocked.Add(ref (string?)byName["brownian.embedding.source"] == "cache" ? ref _cached : ref _computed, count);
            }
        });
        _listener.Start();
    }

    public long Computed => Interlocked.Read(ref _computed);

    public long Cached => Interlocked.Read(ref _cached);

    public void Dispose() => _listener.Dispose();
}
