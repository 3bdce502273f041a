using System.Collections.Concurrent;
using System.Diagnostics;
using OpenTelemetry;

namespace Brownian.Platform.Tests.Telemetry;

/// <summary>
/// Collects the spans that would be exported. It receives those of every node in this process, each span once per node of the test: tests
/// select the spans of their own trace.
/// </summary>
internal sealed class Spans : BaseProcessor<Activity>
{
    private readonly ConcurrentQueue<Activity> _ended = new();

    public IReadOnlyList<Activity> Ended => [.. _ended];

    public IReadOnlyList<Activity> Of(ActivityTraceId trace) => [.. _ended.Where(span => span.TraceId == trace).DistinctBy(span => span.SpanId)];

    public override void OnEnd(Activity data)
    {
        // Spans that are not recorded are not exported.
        if (data.Recorded)
        {
            _ended.Enqueue(data);
        }
    }
}
