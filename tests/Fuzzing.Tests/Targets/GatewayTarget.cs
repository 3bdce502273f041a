using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Brownian.Fuzzing.Tests.Engine;
using Brownian.Gateway;
using Brownian.Hosting;
using Brownian.TextEncoder;
using Brownian.V1;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>
/// A whole gateway with a text encoder, over HTTP: bodies, paths, query parameters and headers of the JSON API, and messages of gRPC. It may refuse
/// everything, but never with an internal error, and it logs no error.
/// </summary>
internal sealed class GatewayTarget : FuzzTarget
{
    private const string Get = "GET", Header = "header", Grpc = "grpc ";

    private static readonly Dictionary<string, (string Path, MessageParser Parser)> Calls = new(StringComparer.Ordinal)
    {
        [Grpc + nameof(GenerateRequest)] = ("/brownian.v1.Generation/Submit", GenerateRequest.Parser),
        [Grpc + nameof(ListJobsRequest)] = ("/brownian.v1.Generation/List", ListJobsRequest.Parser),
        [Grpc + nameof(GetJobRequest)] = ("/brownian.v1.Generation/Get", GetJobRequest.Parser),
        [Grpc + nameof(UploadPartRequest)] = ("/brownian.v1.Generation/UploadPart", UploadPartRequest.Parser),
        [Grpc + nameof(UploadChunk)] = ("/brownian.v1.Generation/Upload", UploadChunk.Parser),
        [Grpc + nameof(GetModelRequest)] = ("/brownian.v1.Models/Get", GetModelRequest.Parser),
        [Grpc + nameof(CreateKeyRequest)] = ("/brownian.v1.Access/CreateKey", CreateKeyRequest.Parser),
        [Grpc + nameof(SetTenantRequest)] = ("/brownian.v1.Access/SetTenant", SetTenantRequest.Parser),
        [Grpc + nameof(GetUsageRequest)] = ("/brownian.v1.Access/GetUsage", GetUsageRequest.Parser),
        [Grpc + nameof(SignArtifactRequest)] = ("/brownian.v1.Generation/SignArtifact", SignArtifactRequest.Parser),
        [Grpc + nameof(WorkerRequest)] = ("/brownian.v1.Workers/Pause", WorkerRequest.Parser),
    };

    private const string OperatorToken = "the-operators-of-tests";

    private readonly ConcurrentQueue<string> _errors = new();
    private readonly WebApplication _app;
    private readonly HttpClient _http;
    private readonly HttpClient _grpc;
    private readonly HttpClient _operators;
    private readonly HttpClient _operatorsGrpc;

    public GatewayTarget()
    {
        string[] settings =
        [
            "HttpPort=0", "GrpcPort=0", "OperatorHttpPort=0", "OperatorGrpcPort=0", "Ephemeral=true",
            "MaxJobs=100", "MaxUploadBytes=4000000", "MaxUploadsPerAddress=50",
            "OperatorToken=" + OperatorToken, "TrustedProxies:0=127.0.0.0/8",
            "Threads=1", "Models:0=tiny-sd15", "ModelFolders:0=" + SeedFiles.Models,
        ];
        _app = PlatformHost.Build(
            ["--Logging:LogLevel:Default=Error", .. settings.Select(setting => "--Platform:" + setting)], ServiceRole.Gateway, platform =>
            {
                platform.Services.AddSingleton<ILoggerProvider>(new Errors(_errors));
                // Jobs wait for their second stage, of which there is no worker, until no more are admitted.
                platform.AddGateway().AddTextEncoder();
            });
        _app.StartAsync().GetAwaiter().GetResult();
        ListeningAddresses addresses = _app.Services.GetRequiredService<ListeningAddresses>();
        _http = new HttpClient { BaseAddress = new Uri(addresses.Http!) };
        _grpc = new HttpClient { BaseAddress = new Uri(addresses.Grpc!) };
        _operators = new HttpClient { BaseAddress = new Uri(addresses.OperatorHttp!) };
        _operatorsGrpc = new HttpClient { BaseAddress = new Uri(addresses.OperatorGrpc!) };
        _operators.DefaultRequestHeaders.Authorization = _operatorsGrpc.DefaultRequestHeaders.Authorization =
            new AuthenticationHeaderValue("Bearer", OperatorToken);
    }

    public override int CasesPerSecond => 300;

    public override IReadOnlyList<string> Tokens =>
    [
        .. RequestSeeds.Tokens, "/v1/jobs", "/v1/models/", "/v1/workers", "/v1/load", "/v1/uploads", "?page_size=", "&page_token=",
        "&states=JOB_STATE_DONE", "&labels.a=b", "%00", "%FF",
        "%2F", "application/json; charset=utf-16", "utf-7", "0123456789abcdef0123456789abcdef", "up_0123456789abcdef0123456789abcdef", "[::1]:80",
        "upload_id", "offset",
    ];

    public override IEnumerable<FuzzInput> Seeds() =>
    [
        .. SeedFiles.Texts("/v1/jobs", RequestSeeds.Json.Take(RequestSeeds.Own)),
        .. SeedFiles.Texts("/v1/jobs/0123456789abcdef0123456789abcdef/cancel", "{}", ""),
        .. SeedFiles.Texts("/v1/uploads", """{"data": "iVBORw0KGgo=", "offset": 0, "last": true}""",
            """{"upload_id": "up_0123456789abcdef0123456789abcdef", "data": "", "offset": "5"}"""),
        .. SeedFiles.Texts("/v1/workers/w/pause", "{}", """{"id": "w"}"""),
        .. SeedFiles.Texts(
            Get, "/v1/jobs?page_size=10&states=JOB_STATE_DONE&labels.album=fruit", "/v1/jobs/0123456789abcdef0123456789abcdef", "/v1/models/emoji",
                "/v1/workers", "/v1/load",
            "/v1/artifacts/01", "/v1/jobs?page_token=0123456789abcdef0123456789abcdef", "/health/ready", "/"),
        .. SeedFiles.Texts(Header, "application/json; charset=utf-8\n127.0.0.1", "application/json; charset=\"utf-16\"\n1.2.3.4, [::1]:80, x"),
        new FuzzInput(Grpc + nameof(GenerateRequest), new GenerateRequest { Prompt = "a", Steps = 4, Labels = { ["a"] = "b" } }.ToByteArray()),
        new FuzzInput(Grpc + nameof(ListJobsRequest),
            new ListJobsRequest { PageSize = 5, Labels = { ["a"] = "b" }, States = { JobState.Done } }.ToByteArray()),
        new FuzzInput(Grpc + nameof(GetJobRequest), new GetJobRequest { Id = "0123456789abcdef0123456789abcdef" }.ToByteArray()),
        new FuzzInput(Grpc + nameof(UploadPartRequest),
            new UploadPartRequest { Data = ByteString.CopyFrom(SmallImages.Png(8, 0, false)), Last = true }.ToByteArray()),
        new FuzzInput(Grpc + nameof(UploadChunk), new UploadChunk { Data = ByteString.CopyFrom(SmallImages.Gif(false)) }.ToByteArray()),
        new FuzzInput(Grpc + nameof(GetModelRequest), new GetModelRequest { Name = "emoji" }.ToByteArray()),
        new FuzzInput(Grpc + nameof(WorkerRequest), new WorkerRequest { Id = "w" }.ToByteArray()),
        new FuzzInput(Grpc + nameof(CreateKeyRequest),
            new CreateKeyRequest { Tenant = "default", Name = "n", Role = "operator", Scopes = { "metrics" } }.ToByteArray()),
        new FuzzInput(Grpc + nameof(SetTenantRequest), new SetTenantRequest { Name = "acme", Quotas = new Quotas { Jobs = 1 } }.ToByteArray()),
        new FuzzInput(Grpc + nameof(GetUsageRequest), new GetUsageRequest { FirstDay = "2026-11-01", LastDay = "2026-11-29" }.ToByteArray()),
        new FuzzInput(Grpc + nameof(SignArtifactRequest), new SignArtifactRequest { Id = "01-0" }.ToByteArray()),
    ];

    // Most valid calls name jobs that do not exist.
    public override bool AcceptsAllSeeds => false;

    public override FuzzFormat FormatOf(string kind) => kind.StartsWith(Grpc, StringComparison.Ordinal) ? FuzzFormat.Wire
        : kind is Get or Header ? FuzzFormat.Bytes : FuzzFormat.Json;

    public override void Run(FuzzInput input)
    {
        if (Calls.TryGetValue(input.Kind, out (string Path, MessageParser Parser) call))
        {
            call.Parser.ParseFrom(input.Bytes);
            SendGrpc(call.Path, input.Bytes);
        }
        else
        {
            SendHttp(input);
        }
        if (_errors.TryDequeue(out string? error))
        {
            throw new InvalidOperationException("the gateway logged an error: " + error);
        }
    }

    // What the client itself refuses to send.
    public override bool IsDocumented(Exception exception) => exception is InvalidProtocolBufferException or FormatException or UriFormatException;

    public override void Dispose()
    {
        _http.Dispose();
        _grpc.Dispose();
        _operators.Dispose();
        _operatorsGrpc.Dispose();
        _app.StopAsync().GetAwaiter().GetResult();
        _app.DisposeAsync().AsTask().GetAwaiter().GetResult();
        base.Dispose();
    }

    private void SendHttp(FuzzInput input)
    {
        bool isBody = input.Kind is not (Get or Header);
        string text = Encoding.UTF8.GetString(input.Bytes);
        string path = input.Kind switch
        {
            Get => string.Concat(text.Where(letter => letter is > ' ' and < '\x7f' and not ('#' or '\\'))),
            Header => "/v1/jobs",
            string body => body,
        };
        using var request = new HttpRequestMessage(
            input.Kind == Get ? HttpMethod.Get : HttpMethod.Post, new Uri("/" + path.TrimStart('/'), UriKind.Relative));
        if (input.Kind != Get)
        {
            byte[] body = isBody ? input.Bytes : "{\"prompt\": \"a\"}"u8.ToArray();
            request.Content = new ByteArrayContent(body);
            string[] lines = string.Concat(text.Where(letter => char.IsAscii(letter) && (letter == '\n' || !char.IsControl(letter)))).Split('\n');
            request.Content.Headers.ContentType = isBody ? new MediaTypeHeaderValue("application/json") : MediaTypeHeaderValue.Parse(lines[0]);
            if (!isBody && lines.Length > 1)
            {
                request.Headers.Add("X-Forwarded-For", lines[1]);
            }
        }
        HttpClient client = IsOfOperators(request.RequestUri!.OriginalString) ? _operators : _http;
        using HttpResponseMessage response = client.Send(request);
        if (response.StatusCode == HttpStatusCode.InternalServerError)
        {
            throw new InvalidOperationException("the gateway answered " + Text(response));
        }
    }

    private void SendGrpc(string path, byte[] message)
    {
        byte[] framed = [0, 0, 0, 0, 0, .. message];
        BinaryPrimitives.WriteInt32BigEndian(framed.AsSpan(1), message.Length);
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = new ByteArrayContent(framed),
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        bool isOfOperators = path.Contains(".Workers/", StringComparison.Ordinal) || path.Contains(".Access/", StringComparison.Ordinal);
        HttpClient client = isOfOperators ? _operatorsGrpc : _grpc;
        using HttpResponseMessage response = client.SendAsync(request).GetAwaiter().GetResult();
        string body = Text(response);
        string? status = Value(response.TrailingHeaders, "grpc-status") ?? Value(response.Headers, "grpc-status");
        const string Unknown = "2", Internal = "13";
        if (status is null or Unknown or Internal)
        {
            throw new InvalidOperationException(
                $"the gateway answered with the status {status}: {Value(response.TrailingHeaders, "grpc-message")} {body}");
        }
    }

    private static bool IsOfOperators(string path) =>
        ((string[])["/v1/workers", "/v1/load", "/v1/keys", "/v1/tenants", "/v1/usage", "/v1/audit", "/metrics"])
            .Any(prefix => path.StartsWith(prefix, StringComparison.Ordinal));

    private static string? Value(HttpHeaders headers, string name) =>
        headers.TryGetValues(name, out IEnumerable<string>? values) ? values.First() : null;

    private static string Text(HttpResponseMessage response)
    {
        using var reader = new StreamReader(response.Content.ReadAsStream());
        return reader.ReadToEnd();
    }

    /// <summary>Collects the errors that the gateway logs.</summary>
    private sealed class Errors(ConcurrentQueue<string> errors) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                errors.Enqueue($"{formatter(state, exception)} {exception}");
            }
        }

        public void Dispose()
        {
        }
    }
}
