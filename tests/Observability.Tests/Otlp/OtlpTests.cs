using System.Diagnostics;
using Brownian.Client;
using Brownian.V1;
using Google.Protobuf;

namespace Brownian.Observability.Tests.Otlp;

/// <summary>What the program exports to a collector.</summary>
public sealed class OtlpTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_job_is_one_trace_to_which_its_durations_and_log_lines_point()
    {
        await using Collector collector = await Collector.StartAsync();
        (int http, int grpc) = (FreePort.Find(), FreePort.Find());
        using Process program = BrownianProgram.Start(new ProgramRun
        {
            Arguments =
            [
                "serve", "--ephemeral", "--http-port", http.ToString(CultureInfo.InvariantCulture),
                "--grpc-port", grpc.ToString(CultureInfo.InvariantCulture), "--operator-http-port", "0", "--operator-grpc-port", "0",
            ],
            Environment = new Dictionary<string, string>(collector.Environment) { ["Logging__LogLevel__Brownian"] = "Debug" },
        });
        try
        {
            Task output = Task.WhenAll(program.StandardOutput.ReadToEndAsync(Stop), program.StandardError.ReadToEndAsync(Stop));
            await ReadyAsync(http);
            using var client = new BrownianClient(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{grpc}"));
            // The client's span, of which the program's are children.
            using var span = new Activity("client");
            span.SetIdFormat(ActivityIdFormat.W3C).Start();
            span.ActivityTraceFlags = ActivityTraceFlags.Recorded;
            Job job = await GenerateAsync(client);
            Assert.Equal(JobState.Done, job.State);

            ByteString trace = ByteString.FromBase64(Convert.ToBase64String(Convert.FromHexString(span.TraceId.ToHexString())));
            string[] spans = ["stage text-encode", "stage denoise", "stage vae-decode", "stage write", "job end"];
            await Eventually.TrueAsync(
                () => Task.FromResult(
                    spans.All(name => collector.Spans.Any(received => received.TraceId == trace && received.Name == name))),
                "the spans of all stages and of the end arrive in the client's trace");
            string[] histograms =
            [
                "brownian.job.duration", "brownian.stage.queue.duration", "brownian.stage.service.duration", "brownian.step.duration",
            ];
            foreach (string histogram in histograms)
            {
                await Eventually.TrueAsync(
                    () => Task.FromResult(collector.Exemplars(histogram).Any(exemplar => exemplar.TraceId == trace && exemplar.AsDouble > 0)),
                    $"{histogram} has an exemplar of the job");
            }
            await Eventually.TrueAsync(
                () => Task.FromResult(
                    collector.Logs.Any(
                        line => line.TraceId == trace
                            && line.Attributes.Any(attribute => attribute.Key == "Job" && attribute.Value.StringValue == job.Id))),
                "a line of the job arrives with its trace and its id");
            Assert.All(collector.Services, names => Assert.Equal(["brownian-gateway"], names));

            program.Kill(entireProcessTree: true);
            await output;
        }
        finally
        {
            program.Kill(entireProcessTree: true);
        }
    }

    private static async Task ReadyAsync(int port)
    {
        using var http = new HttpClient();
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    return (await http.GetAsync(new Uri($"http://127.0.0.1:{port}/health/ready"), Stop)).IsSuccessStatusCode;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            "the program is ready");
    }

    /// <summary>Submits a job, and waits for its end.</summary>
    private static async Task<Job> GenerateAsync(BrownianClient client)
    {
        string id = (await client.Generation.SubmitAsync(Stubs.Request("emoji", 1, steps: 2), cancellationToken: Stop)).Id;
        Job? job = null;
        await Eventually.TrueAsync(
            async () =>
            {
                job = await client.Generation.GetAsync(new GetJobRequest { Id = id }, cancellationToken: Stop);
                return job.State is JobState.Done or JobState.Failed;
            },
            "the job ends");
        return job!;
    }
}
