using System.Collections.Concurrent;
using System.Diagnostics;
using OpenTelemetry;

namespace Brownian.Platform.Tests.Telemetry;

/// <summary>
/// Takes the spans that would be exported. Those of every node in this process come here, each once a node of the test's: tests look for
/// their own trace.
/// </summary>
internal sealed class Spans : BaseProcessor<Activity>
{
    private readonly ConcurrentQueue<Activity> _ended = new();

    public IReadOnlyList<Activity> Ended => [.. _ended];

    public IReadOnlyList<Activity> Of(ActivityTraceId trace) => [.. _ended.Where(span => span.TraceId == trace).DistinctBy(span => span.SpanId)];

    public override void OnEnd(Activity data)
    {
        // What is not recorded goes to no exporter.
        if (data.Recorded)
        {
            _ended.Enqueue(data);
        }
    }
}
