using System.Diagnostics;
using System.Text.RegularExpressions;
using Brownian.Hosting;
using Brownian.Jobs.Telemetry;
using Brownian.V1;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Trace;

namespace Brownian.Platform.Tests.Telemetry;

/// <summary>The traces, metrics and logs of a job, the same for every store and queue behind the public interface.</summary>
public abstract class TelemetryContract : IAsyncLifetime
{
    private static readonly string[] Stages = ["stage text-encode", "stage denoise", "stage vae-decode", "stage write"];

    private readonly Stubs _stubs = new();
    private readonly Spans _spans = new();
    private readonly List<LogLines> _logs = [];
    private IReadOnlyList<Node> _nodes = [];
    private string _model = "";

    private protected Node Gateway => _nodes[0];

    private protected string Model => _model;

    private protected static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_streamed_job_is_one_trace_below_the_clients_span()
    {
        using Activity client = StartSpan();
        List<JobEvent> events = await ReadAsync(Gateway.Client.GenerateAsync(Stubs.Request(_model, 1), Stop));
        await ExpectOneTraceAsync(client, "/brownian.v1.Generation/Generate", events[0].JobId);
    }

    [Fact]
    public async Task A_submitted_job_is_one_trace_below_the_clients_span()
    {
        using Activity client = StartSpan();
        Job job = await Gateway.Client.Generation.SubmitAsync(Stubs.Request(_model, 1), cancellationToken: Stop);
        await EndAsync(job.Id);
        await ExpectOneTraceAsync(client, "/brownian.v1.Generation/Submit", job.Id);
    }

    [Fact]
    public async Task Metrics_count_every_job_stage_step_and_embedding()
    {
        const int Jobs = 12;
        for (int i = 0; i < Jobs; i++)
        {
            Job job = await Gateway.Client.Generation.SubmitAsync(Stubs.Request(_model, (ulong)i), cancellationToken: Stop);
            await EndAsync(job.Id);
        }

        // The end is counted a moment after the client received it.
        await Eventually.TrueAsync(
            async () => await SumAsync("brownian_jobs_ended_total", "brownian_job_state=\"done\"") == Jobs, "every end is counted");
        Assert.Equal(Jobs, await SumAsync("brownian_jobs_accepted_total"));
        Assert.Equal(Jobs, await SumAsync("brownian_job_duration_seconds_count"));
        Assert.All(
            await Task.WhenAll(
                ((string[])["text-encode", "denoise", "vae-decode"])
                    .Select(kind => SumAsync("brownian_stage_queue_duration_seconds_count", $"brownian_stage_kind=\"{kind}\""))),
            count => Assert.Equal(Jobs, count));
        Assert.All(
            await Task.WhenAll(
                ((string[])["text-encode", "denoise", "vae-decode"])
                    .Select(kind => SumAsync("brownian_stage_service_duration_seconds_count", $"brownian_stage_kind=\"{kind}\""))),
            count => Assert.Equal(Jobs, count));
        Assert.Equal(Jobs * 4, await SumAsync("brownian_step_duration_seconds_count"));
        Assert.Equal(Jobs * 4, await SumAsync("brownian_step_batch_size_sum"));
        // One prompt and one negative prompt, each encoded once.
        Assert.Equal(2, await SumAsync("brownian_embeddings_total", "brownian_embedding_source=\"encoder\""));
        Assert.Equal((2 * Jobs) - 2, await SumAsync("brownian_embeddings_total", "brownian_embedding_source=\"cache\""));
    }

    [Fact]
    public async Task Every_log_line_of_a_stage_carries_its_job()
    {
        Job job = await Gateway.Client.Generation.SubmitAsync(Stubs.Request(_model, 1), cancellationToken: Stop);
        await EndAsync(job.Id);
        await Eventually.TrueAsync(
            () => Task.FromResult(LinesOf(job.Id).Count(line => line.Event == "StageDone") == Stages.Length), "the stages are logged");

        LogLine[] lines = LinesOf(job.Id);

        Assert.Equal(2 * Stages.Length, lines.Length);
        Assert.All(lines, line => Assert.Equal(job.Id, line.Scopes["Job"]));
        Assert.Equal(["encode", "denoise", "decode", "write"], lines.Where(line => line.Event == "StageTaken").Select(line => line.Scopes["Stage"]));
    }

    [Fact]
    public async Task Requests_for_health_and_metrics_make_no_spans()
    {
        await Eventually.TrueAsync(() => IsAnsweredAsync(Gateway.Http, "/health/ready"), "the gateway is ready");
        Assert.True(await IsAnsweredAsync(Gateway.Http, "/health/live"));
        Assert.True(await IsAnsweredAsync(Gateway.Operators, "/metrics"));
        using GrpcChannel channel = GrpcChannel.ForAddress(Gateway.GrpcAddress);
        HealthCheckResponse health = await new Health.HealthClient(channel).CheckAsync(new HealthCheckRequest(), cancellationToken: Stop);
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, health.Status);
        // A request that makes a span comes last: when its span is there, the others would be too.
        using Activity client = StartSpan();
        using HttpResponseMessage models = await Gateway.Http.GetAsync("/v1/models", Stop);
        await Eventually.TrueAsync(
            () => Task.FromResult(_spans.Of(client.TraceId).Any(span => PathOf(span) == "/v1/models")), "the span of a question about models");

        Assert.DoesNotContain(
            _spans.Ended, span =>
                PathOf(span) is { } path
                    && (
                        path.StartsWith("/health", StringComparison.Ordinal) || path.StartsWith("/metrics", StringComparison.Ordinal)
                            || path.StartsWith("/grpc.health", StringComparison.Ordinal)));
    }

    public async ValueTask InitializeAsync()
    {
        // The files differ in every run: all models with the same files share embeddings.
        _model = _stubs.Add(factor: 0.25f + ((Guid.NewGuid().GetHashCode() & 0xfffff) * 1e-7f));
        _nodes = await StartNodesAsync(_stubs.Settings(_model));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (Node node in _nodes)
        {
            await node.DisposeAsync();
        }
        _stubs.Dispose();
        _spans.Dispose();
        _logs.ForEach(log => log.Dispose());
        GC.SuppressFinalize(this);
    }

    /// <summary>Starts the nodes that a job needs, the gateway first.</summary>
    private protected abstract Task<IReadOnlyList<Node>> StartNodesAsync(IEnumerable<string> settings);

    /// <summary>Adds the test's logger and span processor to a node.</summary>
    private protected Action<PlatformBuilder> Watched(Action<PlatformBuilder> add) => platform =>
    {
        add(platform);
        var log = new LogLines();
        _logs.Add(log);
        platform.Web.Logging.AddFilter<LogLines>("Brownian", LogLevel.Information);
        platform.Services.AddSingleton<ILoggerProvider>(log);
        platform.Services.ConfigureOpenTelemetryTracerProvider(traces => traces.AddProcessor(_spans));
    };

    private protected IReadOnlyList<Activity> SpansOf(Activity client) => _spans.Of(client.TraceId);

    private protected static string? PathOf(Activity span) => span.GetTagItem("url.path") as string;

    /// <summary>The span of a client with its own telemetry on.</summary>
    private protected static Activity StartSpan()
    {
        var span = new Activity("client");
        span.SetIdFormat(ActivityIdFormat.W3C);
        span.ActivityTraceFlags = ActivityTraceFlags.Recorded;
        return span.Start();
    }

    private protected static async Task<List<JobEvent>> ReadAsync(IAsyncEnumerable<JobEvent> events)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        deadline.CancelAfter(Eventually.Deadline);
        var read = new List<JobEvent>();
        await foreach (JobEvent item in events.WithCancellation(deadline.Token))
        {
            read.Add(item);
        }
        Assert.NotNull(read[^1].Done);
        return read;
    }

    private Task<List<JobEvent>> EndAsync(string id) =>
        ReadAsync(Gateway.Client.Generation.Watch(new WatchJobRequest { Id = id }, cancellationToken: Stop).ResponseStream.ReadAllAsync(Stop));

    private static async Task<bool> IsAnsweredAsync(HttpClient client, string path)
    {
        using HttpResponseMessage answer = await client.GetAsync(path, Stop);
        return answer.IsSuccessStatusCode;
    }

    private LogLine[] LinesOf(string job) =>
        [
            .. _logs.SelectMany(log => log.Lines)
                .Where(line => line.Event is "StageTaken" or "StageDone" && line.Text.Contains(job, StringComparison.Ordinal))
        ];

    private async Task ExpectOneTraceAsync(Activity client, string path, string job)
    {
        await Eventually.TrueAsync(
            () =>
                Task.FromResult(
                    _spans.Of(client.TraceId) is { } spans && spans.Any(span => PathOf(span) == path)
                        && spans.Count(span => span.Source.Name == PlatformTelemetry.Name) == Stages.Length + 1),
            "the call's span, the stages' and that of the job's end have ended");
        Activity call = Assert.Single(SpansOf(client), span => PathOf(span) == path);
        Activity[] own = [.. SpansOf(client).Where(span => span.Source.Name == PlatformTelemetry.Name)];
        // Between them is the span of the client's HTTP request, which is not exported.
        Assert.True(call.HasRemoteParent);
        Assert.Equal([.. Stages, "job end"], own.OrderBy(span => span.StartTimeUtc).Select(span => span.DisplayName));
        Assert.All(own, span => Assert.Equal((call.SpanId, job), (span.ParentSpanId, span.GetTagItem("brownian.job.id"))));
    }

    /// <summary>The sum of a metric's series of this test's model. All nodes of this process listen to all its meters: one node has all.</summary>
    private async Task<double> SumAsync(string name, string label = "")
    {
        string text = await Gateway.Operators.GetStringAsync("/metrics", Stop);
        return Regex.Matches(text, $@"^{name}\{{(?<labels>[^\n]*)\}} (?<value>[0-9.eE+-]+)", RegexOptions.Multiline)
            .Where(
                match =>
                    match.Groups["labels"].Value.Contains($"gen_ai_request_model=\"{_model}\"", StringComparison.Ordinal)
                        && match.Groups["labels"].Value.Contains(label, StringComparison.Ordinal))
            .Sum(match => double.Parse(match.Groups["value"].Value, CultureInfo.InvariantCulture));
    }
}
