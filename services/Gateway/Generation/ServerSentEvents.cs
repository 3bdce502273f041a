using System.Text;
using HttpResponse = Microsoft.AspNetCore.Http.HttpResponse;

namespace Brownian.Gateway.Generation;

/// <summary>Writes server-sent events (WHATWG HTML, "Server-sent events").</summary>
internal static class ServerSentEvents
{
    /// <summary>The time without events after which a comment is sent, so that proxies keep the connection.</summary>
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(15);

    /// <summary>Writes events until there are no more.</summary>
    /// <param name="events">The texts of the events, each with its empty line.</param>
    /// <param name="response">The response.</param>
    /// <param name="time">The time.</param>
    /// <param name="stop">Stops writing.</param>
    public static async Task WriteAsync(IAsyncEnumerable<string> events, HttpResponse response, TimeProvider time, CancellationToken stop)
    {
        response.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-store";
        // For nginx, which otherwise collects an answer before it sends it.
        response.Headers["X-Accel-Buffering"] = "no";
        await response.Body.FlushAsync(stop);
        await using IAsyncEnumerator<string> texts = events.GetAsyncEnumerator(stop);
        while (true)
        {
            Task<bool> next = texts.MoveNextAsync().AsTask();
            while (await Task.WhenAny(next, Task.Delay(KeepAlive, time, stop)) != next)
            {
                await SendAsync(response, ": waiting\n\n", stop);
            }
            if (!await next)
            {
                return;
            }
            await SendAsync(response, texts.Current, stop);
        }
    }

    private static async Task SendAsync(HttpResponse response, string text, CancellationToken stop)
    {
        await response.Body.WriteAsync(Encoding.UTF8.GetBytes(text), stop);
        await response.Body.FlushAsync(stop);
    }
}
