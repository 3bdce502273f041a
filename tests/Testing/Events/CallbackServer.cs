using System.Collections.Concurrent;
using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Brownian.Testing.Events;

/// <summary>A client's server that takes callbacks.</summary>
internal sealed class CallbackServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Channel<ReceivedCallback> _received = Channel.CreateUnbounded<ReceivedCallback>();
    private readonly ConcurrentQueue<Func<HttpContext, Task>> _answers = new();

    private CallbackServer(WebApplication app) => _app = app;

    /// <summary>A secret with which callbacks are signed.</summary>
    public const string Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLSwy0123456789abcde=";

    /// <summary>The address for <c>callback_url</c>.</summary>
    public string Address => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single() + "/ended?a=b";

    /// <summary>The settings of a gateway that calls it.</summary>
    public static IEnumerable<string> Settings { get; } =
    [
        "CallbackHosts:0=127.0.0.1", "CallbackPrivateAddresses=true", "CallbackSecrets:0=" + Secret, "CallbackPauseSeconds=0.1",
    ];

    public static async Task<CallbackServer> StartAsync()
    {
        WebApplicationBuilder web = WebApplication.CreateSlimBuilder();
        web.Logging.ClearProviders();
        web.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        WebApplication app = web.Build();
        var server = new CallbackServer(app);
        app.Run(server.TakeAsync);
        await app.StartAsync(TestContext.Current.CancellationToken);
        return server;
    }

    /// <summary>Answers the next call in this way; further calls are accepted.</summary>
    public void Answer(Func<HttpContext, Task> answer) => _answers.Enqueue(answer);

    /// <summary>Answers the next call with a status.</summary>
    public void Answer(int status) => Answer(context =>
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    });

    /// <summary>Returns the next call, which has its answer or waits for it.</summary>
    public async Task<ReceivedCallback> NextAsync()
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Nodes.Eventually.Deadline);
        return await _received.Reader.ReadAsync(deadline.Token);
    }

    /// <summary>Whether there is a call that <see cref="NextAsync"/> has not returned.</summary>
    public bool HasNext => _received.Reader.TryPeek(out _);

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task TakeAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        await _received.Writer.WriteAsync(new ReceivedCallback(
            context.Request.Method, context.Request.Path + context.Request.QueryString,
            context.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase),
            body.ToArray()));
        if (_answers.TryDequeue(out Func<HttpContext, Task>? answer))
        {
            await answer(context);
        }
    }
}
