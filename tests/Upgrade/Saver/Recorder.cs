using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Brownian.Upgrade.Saver;

/// <summary>A proxy between a gateway and stage services that keeps the messages of their calls.</summary>
internal sealed class Recorder : IAsyncDisposable
{
    private readonly HttpClient _http = new();
    private readonly IReadOnlyDictionary<string, int> _services;
    private readonly List<(string Method, byte[] Message, byte[] Answer)> _calls = [];
    private readonly WebApplication _app;

    private Recorder(WebApplication app, string address, IReadOnlyDictionary<string, int> services)
    {
        (_app, Address, _services) = (app, address, services);
        app.Run(ForwardAsync);
    }

    public string Address { get; }

    /// <summary>Starts a recorder.</summary>
    /// <param name="services">The port of each service, by the beginning of its methods' paths.</param>
    public static async Task<Recorder> StartAsync(IReadOnlyDictionary<string, int> services)
    {
        int port = RunningProgram.FreePort();
        WebApplicationBuilder web = WebApplication.CreateSlimBuilder();
        web.Logging.SetMinimumLevel(LogLevel.Warning);
        web.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Listen(IPAddress.Loopback, port, listen => listen.Protocols = HttpProtocols.Http2);
        });
        var recorder = new Recorder(web.Build(), string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}"), services);
        await recorder._app.StartAsync();
        return recorder;
    }

    /// <summary>The calls since the last use of this method.</summary>
    public IReadOnlyList<RecordedCall> Take(string request)
    {
        lock (_calls)
        {
            RecordedCall[] taken = [.. _calls.Select(call => new RecordedCall(request, call.Method, call.Message, call.Answer))];
            _calls.Clear();
            return taken;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _http.Dispose();
    }

    private async Task ForwardAsync(HttpContext context)
    {
        string method = context.Request.Path;
        int port = _services.Single(service => method.StartsWith(service.Key, StringComparison.Ordinal)).Value;
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        var address = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}{method}"));
        using var request = new HttpRequestMessage(HttpMethod.Post, address)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(body.ToArray()),
        };
        request.Content.Headers.ContentType = new("application/grpc");
        request.Headers.TE.Add(new("trailers"));
        using HttpResponseMessage answer = await _http.SendAsync(request, context.RequestAborted);
        byte[] bytes = await answer.Content.ReadAsByteArrayAsync(context.RequestAborted);
        context.Response.ContentType = "application/grpc";
        await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
        foreach ((string name, IEnumerable<string> values) in answer.TrailingHeaders)
        {
            context.Response.AppendTrailer(name, values.ToArray());
        }
        lock (_calls)
        {
            _calls.Add((method, LastMessage(body.ToArray()), LastMessage(bytes)));
        }
    }

    /// <summary>The last message of a gRPC body: a compression flag and its length precede each message.</summary>
    private static byte[] LastMessage(ReadOnlySpan<byte> body)
    {
        while (true)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(body[1..]);
            if (body[0] != 0)
            {
                throw new InvalidDataException("a message is compressed");
            }
            if (body.Length == 5 + length)
            {
                return body[5..].ToArray();
            }
            body = body[(5 + length)..];
        }
    }
}
