using Brownian.Jobs.Access;
using Brownian.Jobs.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Brownian.Hosting;

/// <summary>
/// Traces, metrics and logs: exported over OTLP when <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> is set; metrics are always at <c>/metrics</c> of the
/// operators' port.
/// </summary>
internal static class TelemetryDefaults
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    public static void Add(PlatformBuilder builder)
    {
        builder.Web.Logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
        });
        builder.Web.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.Web.Logging.AddFilter("Grpc", LogLevel.Warning);
        // The process writes one line to standard error instead.
        builder.Web.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        // The answer of the health check reports it to the caller.
        builder.Web.Logging.AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.Critical);
        OpenTelemetryBuilder telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource
                .AddService("brownian-" + builder.Role.Name, serviceVersion: typeof(TelemetryDefaults).Assembly.GetName().Version!.ToString(3))
                // After the defaults, so that OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES replace them.
                .AddEnvironmentVariableDetector())
            .WithMetrics(metrics => metrics
                .AddMeter(PlatformTelemetry.Name, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel")
                .AddRuntimeInstrumentation()
                // Of the calls that are traced: OTLP carries them, Prometheus' text form does not.
                .SetExemplarFilter(ExemplarFilterType.TraceBased)
                .AddPrometheusExporter())
            .WithTracing(traces => traces
                .AddSource(PlatformTelemetry.Name)
                .AddAspNetCoreInstrumentation(
                    http =>
                        http.Filter = context =>
                            !context.Request.Path.StartsWithSegments("/health") && !context.Request.Path.StartsWithSegments("/metrics")
                                && !context.Request.Path.StartsWithSegments("/grpc.health.v1.Health")));
        if (Environment.GetEnvironmentVariable(Endpoint) is { Length: > 0 })
        {
            builder.Web.Logging.AddOpenTelemetry(logs => logs.IncludeScopes = true);
            telemetry.UseOtlpExporter();
        }
    }

    public static void Map(WebApplication app) =>
        app.MapPrometheusScrapingEndpoint("/metrics").OnPort(ListeningPort.Operators).Requires(Permission.Metrics);
}
