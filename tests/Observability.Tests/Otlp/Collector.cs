using System.Collections.Concurrent;
using System.Net;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Brownian.Observability.Tests.Otlp;

/// <summary>A collector that keeps what it receives over OTLP (http/protobuf).</summary>
internal sealed class Collector : IAsyncDisposable
{
    private readonly ConcurrentQueue<ResourceSpans> _spans = new();
    private readonly ConcurrentQueue<ResourceMetrics> _metrics = new();
    private readonly ConcurrentQueue<ResourceLogs> _logs = new();
    private readonly WebApplication _app;

    private Collector()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, Port));
        _app = builder.Build();
        _app.MapPost("/v1/traces", request => KeepAsync(request, ExportTraces.Parser, traces => traces.ResourceSpans, _spans));
        _app.MapPost("/v1/metrics", request => KeepAsync(request, ExportMetrics.Parser, metrics => metrics.ResourceMetrics, _metrics));
        _app.MapPost("/v1/logs", request => KeepAsync(request, ExportLogs.Parser, logs => logs.ResourceLogs, _logs));
    }

    private int Port { get; } = FreePort.Find();

    /// <summary>The environment of a process that exports to this collector.</summary>
    public IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>
    {
        ["OTEL_EXPORTER_OTLP_ENDPOINT"] = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Port}"),
        ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
        ["OTEL_METRIC_EXPORT_INTERVAL"] = "200",
        ["OTEL_BSP_SCHEDULE_DELAY"] = "100",
        ["OTEL_BLRP_SCHEDULE_DELAY"] = "100",
    };

    /// <summary>The received spans.</summary>
    public IEnumerable<Span> Spans => _spans.SelectMany(spans => spans.ScopeSpans).SelectMany(scope => scope.Spans);

    /// <summary>The received log records.</summary>
    public IEnumerable<LogRecord> Logs => _logs.SelectMany(logs => logs.ScopeLogs).SelectMany(scope => scope.LogRecords);

    /// <summary>The names of the services that sent spans, metrics and logs.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Services =>
    [
        NamesOf(_spans.Select(spans => spans.Resource)), NamesOf(_metrics.Select(metrics => metrics.Resource)),
        NamesOf(_logs.Select(logs => logs.Resource)),
    ];

    public static async Task<Collector> StartAsync()
    {
        var collector = new Collector();
        await collector._app.StartAsync(TestContext.Current.CancellationToken);
        return collector;
    }

    /// <summary>Returns the received exemplars of a histogram.</summary>
    /// <param name="histogram">The instrument's name.</param>
    public IEnumerable<Exemplar> Exemplars(string histogram) => _metrics.SelectMany(metrics => metrics.ScopeMetrics)
        .SelectMany(scope => scope.Metrics)
        .Where(metric => metric.Name == histogram)
        .SelectMany(metric => metric.Histogram.DataPoints)
        .SelectMany(point => point.Exemplars);

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static IReadOnlyList<string> NamesOf(IEnumerable<Resource> resources) =>
    [
        .. resources.SelectMany(resource => resource.Attributes).Where(attribute => attribute.Key == "service.name")
            .Select(attribute => attribute.Value.StringValue).Distinct(),
    ];

    private static async Task KeepAsync<TExport, TResource>(
        HttpContext context, MessageParser<TExport> parser, Func<TExport, IEnumerable<TResource>> resources, ConcurrentQueue<TResource> kept)
        where TExport : IMessage<TExport>
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        foreach (TResource resource in resources(parser.ParseFrom(body.ToArray())))
        {
            kept.Enqueue(resource);
        }
        context.Response.ContentType = "application/x-protobuf";
    }
}
