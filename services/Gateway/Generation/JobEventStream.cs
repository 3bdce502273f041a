using System.Text.Json;
using Brownian.Hosting;
using Brownian.Jobs;
using Brownian.Jobs.Services;
using Brownian.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Brownian.Gateway.Generation;

/// <summary>
/// Streams the events of a job as server-sent events (WHATWG HTML, "Server-sent events"), for JSON clients: the messages of <c>Watch</c>, each with
/// its kind as the event's name and its number as the event's id. A client that comes back sends the last id, and gets what it missed.
/// </summary>
internal static class JobEventStream
{
    private const string LastEventId = "Last-Event-ID", AfterEvent = "after_event";

    /// <summary>
    /// Responds with the events; with 404 when the job does not exist, with 204, after which browsers do not come back, when the job has ended and
    /// the client has its last event, and with 503 while a store is unavailable.
    /// </summary>
    public static async Task GetAsync(string id, JobService jobs, IHostApplicationLifetime lifetime, TimeProvider time, HttpContext context)
    {
        var faults = new List<FieldFault>();
        long after = ReadAfter(context, faults);
        if (faults.Count > 0)
        {
            await JsonErrors.RefuseAsync(context, new FieldFaultException(faults));
            return;
        }
        string tenant = Callers.Of(context).Tenant;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        IAsyncEnumerable<JobEvent> events;
        try
        {
            if (id.Length > GivenId.MaxShown || await jobs.FindAsync(tenant, id, either.Token) is not { } job)
            {
                await Answers.RefuseAsync(context, StatusCode.NotFound, $"there is no job {GivenId.Shown(id)}");
                return;
            }
            if (after > 0 && job.Record.HasEnded && job.Record.LastEvent <= after)
            {
                context.Response.StatusCode = StatusCodes.Status204NoContent;
                return;
            }
            events = jobs.WatchAsync(tenant, id, after, either.Token);
        }
        catch (PlatformUnavailableException exception)
        {
            await Answers.RefuseAsync(context, exception);
            return;
        }
        try
        {
            await ServerSentEvents.WriteAsync(events.Select(TextOf), context.Response, time, either.Token);
        }
        catch (Exception exception) when (exception is OperationCanceledException or PlatformUnavailableException or KeyNotFoundException)
        {
            // The client left, the gateway stops, a store is away, or the job was removed: the connection ends, and the client comes back.
        }
    }

    private static long ReadAfter(HttpContext context, List<FieldFault> faults)
    {
        faults.AddRange(context.Request.Query.Keys.Where(key => key != AfterEvent)
            .Select(key => new FieldFault(key, $"is not a parameter of this call, which takes {AfterEvent}")));
        (string name, string? text) = context.Request.Headers.TryGetValue(LastEventId, out var last) ? (LastEventId, last.ToString())
            : (AfterEvent, context.Request.Query[AfterEvent].Count == 0 ? null : context.Request.Query[AfterEvent].ToString());
        if (text is null)
        {
            return 0;
        }
        if (uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint after))
        {
            return after;
        }
        faults.Add(FieldFault.Of(name, text, $"0..{uint.MaxValue}"));
        return 0;
    }

    private static string TextOf(JobEvent update)
    {
        string name = JsonNamingPolicy.SnakeCaseLower.ConvertName(update.EventCase.ToString());
        // A snapshot and a preview have no number, and must not change the client's last one.
        string number = update.Id > 0 ? string.Create(CultureInfo.InvariantCulture, $"id: {update.Id}\n") : "";
        return $"{number}event: {name}\ndata: {JsonFormatter.Default.Format(update)}\n\n";
    }
}
