using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Brownian.Hosting;
using Brownian.Jobs;
using Brownian.Jobs.Records;
using Brownian.Jobs.Services;
using Brownian.Jobs.Telemetry;
using Google.Protobuf;

namespace Brownian.Gateway.Callbacks;

/// <summary>
/// Calls the addresses of clients whose jobs have ended, with the headers of Standard Webhooks. Every attempt and its outcome is recorded in the job,
/// so that another gateway continues where this one stopped.
/// </summary>
public sealed partial class CallbackSender : ICallbackSender, IHostedService, IDisposable
{
    /// <summary>The most attempts of this process at once.</summary>
    private const int Max = 64;

    /// <summary>The most attempts at one server at once, so that a server that does not answer leaves room for the others.</summary>
    private const int MaxPerServer = 8;

    private readonly IJobStore _store;
    private readonly CallbackHosts _hosts;
    private readonly PlatformTelemetry _telemetry;
    private readonly ILogger<CallbackSender> _logger;
    private readonly CallbackSecret[] _secrets;
    private readonly TimeSpan _answerTime;
    private readonly TimeSpan _firstPause;
    private readonly HttpClient _http;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Dictionary<string, (string Server, Task Attempt)> _running = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();

    /// <summary>Creates a sender.</summary>
    /// <param name="store">Stores jobs.</param>
    /// <param name="hosts">The hosts that may be called.</param>
    /// <param name="options">The settings.</param>
    /// <param name="telemetry">Counts attempts.</param>
    /// <param name="logger">Logs attempts that fail.</param>
    public CallbackSender(
        IJobStore store, CallbackHosts hosts, PlatformOptions options, PlatformTelemetry telemetry, ILogger<CallbackSender> logger)
    {
        (_store, _hosts, _telemetry, _logger) = (store, hosts, telemetry, logger);
        _secrets = [.. options.CallbackSecrets.Select(CallbackSecret.Parse).OfType<CallbackSecret>()];
        _answerTime = TimeSpan.FromSeconds(options.CallbackSeconds);
        _firstPause = TimeSpan.FromSeconds(options.CallbackPauseSeconds);
        _http = new HttpClient(CallbackConnection.CreateHandler(options.CallbackPrivateAddresses, MaxPerServer)) { Timeout = _answerTime };
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("Brownian", null));
    }

    /// <inheritdoc/>
    public bool TryPost(StoredJob job)
    {
        string id = job.Definition.Id;
        // An address that cannot be read is refused by the attempt.
        string server = Uri.TryCreate(job.Definition.CallbackUrl, UriKind.Absolute, out Uri? uri) ? uri.Authority : "";
        lock (_lock)
        {
            if (_running.ContainsKey(id))
            {
                return true;
            }
            if (_stopping.IsCancellationRequested || _running.Count >= Max || _running.Values.Count(one => one.Server == server) >= MaxPerServer)
            {
                return false;
            }
            _running[id] = (server, Task.Run(() => RunAsync(job)));
            return true;
        }
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Ends the running attempts, which are made again by another gateway, or after the next start.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        Task[] attempts;
        lock (_lock)
        {
            attempts = [.. _running.Values.Select(one => one.Attempt)];
        }
        await Task.WhenAll(attempts).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _http.Dispose();
        _stopping.Dispose();
    }

    private async Task RunAsync(StoredJob job)
    {
        string id = job.Definition.Id;
        try
        {
            await AttemptAsync(job, _stopping.Token);
        }
        catch (Exception exception)
        {
            // The attempt counts as lost, and is made again.
            Lost(id, exception is PlatformUnavailableException unavailable ? unavailable.Details : exception.Message);
        }
        finally
        {
            lock (_lock)
            {
                _running.Remove(id);
            }
        }
    }

    private async Task AttemptAsync(StoredJob job, CancellationToken cancellationToken)
    {
        // An attempt takes less: the time to connect and to answer, and a write.
        TimeSpan lost = 2 * _answerTime;
        if (await _store.ApplyAsync(job, (current, now) => CallbackRules.Begin(current, lost, now), cancellationToken)
            is not { Record.Callback: { } callback } begun)
        {
            return;
        }
        (string? fault, bool isFinal) = await CallAsync(begun, cancellationToken);
        StoredJob? after = await Retry.WhileUnavailableAsync(
            token => _store.ApplyAsync(
                begun,
                (current, now) => fault is null
                    ? CallbackRules.Deliver(current, callback.Attempts, now)
                    : CallbackRules.Fail(current, callback.Attempts, fault, isFinal, _firstPause, now),
                token),
            cancellationToken, lost);
        _telemetry.CallbackAttempted(fault is null ? "delivered" : after?.Record.Callback?.Next is null ? "failed" : "retried");
        if (fault is not null)
        {
            Failed(begun.Definition.Id, callback.Attempts, fault, after?.Record.Callback?.Next);
        }
    }

    /// <summary>Makes an attempt.</summary>
    /// <returns>Why it failed, null when it did not; and whether a later one would fail, too.</returns>
    private async Task<(string? Fault, bool IsFinal)> CallAsync(StoredJob job, CancellationToken cancellationToken)
    {
        string address = job.Definition.CallbackUrl!;
        if (_hosts.FaultOf(address) is { } refusal)
        {
            return ("callback_url " + refusal, true);
        }
        byte[] body = BodyOf(job);
        string id = job.Definition.Id + "-ended";
        long seconds = _store.Clock.GetUtcNow().ToUnixTimeSeconds();
        using var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Add("webhook-id", id);
        request.Headers.Add("webhook-timestamp", seconds.ToString(CultureInfo.InvariantCulture));
        request.Headers.Add("webhook-signature", string.Join(' ', _secrets.Select(secret => secret.Sign(id, seconds, body))));
        try
        {
            using HttpResponseMessage response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            int status = (int)response.StatusCode;
            return status is >= 200 and < 300 ? (null, false)
                : (string.Create(CultureInfo.InvariantCulture, $"the server answered {status}"), status == StatusCodes.Status410Gone);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return ($"the server did not answer within {_answerTime.TotalSeconds:0.#} seconds", false);
        }
        catch (HttpRequestException exception)
        {
            return (exception.InnerException is CallbackRefusedException refused ? refused.Message : exception.Message, false);
        }
    }

    /// <summary>Returns the body: the same bytes in every attempt.</summary>
    private static byte[] BodyOf(StoredJob job)
    {
        V1.Job message = JobMessages.ToMessage(job);
        // What attempts and the retention change is left out.
        (message.Callback, message.ExpireTime) = (null, null);
        var body = new JsonObject
        {
            ["type"] = "job." + job.Record.Phase.ToString().ToLowerInvariant(),
            ["timestamp"] = IsoTime.Format(job.Record.Ended!.Value),
            ["data"] = JsonNode.Parse(JsonFormatter.Default.Format(message)),
        };
        return Encoding.UTF8.GetBytes(body.ToJsonString());
    }

    [LoggerMessage(EventId = 103, EventName = "CallbackFailed", Level = LogLevel.Warning,
        Message = "Job {Job}: attempt {Attempt} of its callback failed: {Fault}; next attempt: {Next:u}")]
    private partial void Failed(string job, int attempt, string fault, DateTimeOffset? next);

    [LoggerMessage(EventId = 104, EventName = "CallbackLost", Level = LogLevel.Warning,
        Message = "Job {Job}: an attempt of its callback has no outcome and is made again: {Reason}")]
    private partial void Lost(string job, string reason);
}
