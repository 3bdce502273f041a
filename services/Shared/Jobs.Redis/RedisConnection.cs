using System.Net.Security;
using StackExchange.Redis;

namespace Brownian.Jobs.Redis;

/// <summary>
/// The single connection of a process to a Redis server. It is established in the background and re-established whenever it breaks: a process starts
/// and continues while the server is unreachable. Commands are not buffered: one that cannot be sent fails at once.
/// </summary>
public sealed class RedisConnection : IAsyncDisposable
{
    /// <summary>The default prefix of keys.</summary>
    public const string DefaultPrefix = "brownian:";

    /// <summary>
    /// The beginning of a script that must run although the server's memory is full (maxmemory, noeviction). The server refuses a script's first
    /// write if that may allocate memory, but continues a script whose first write does not; this holds for all versions. Version 7 has a flag for
    /// it, which older versions cannot parse.
    /// </summary>
    internal const string EvenWhenFull = "redis.call('DEL', KEYS[1] .. ':none')\n";

    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource _disposed = new();
    private readonly Task<ConnectionMultiplexer> _connecting;
    private readonly RedisClock _clock = new(TimeProvider.System);
    private readonly string _endpoints;
    private readonly string _prefix;
    private readonly TimeSpan _timeout;
    private bool _wasFull;

    /// <summary>Starts connecting.</summary>
    /// <param name="configuration">
    /// A StackExchange.Redis configuration, for example <c>redis:6379,password=...</c>. Its timeouts are overridden.
    /// </param>
    /// <param name="prefix">The prefix of every key and channel.</param>
    /// <param name="timeout">How long a command, or connecting, may take; null for 2 s.</param>
    /// <param name="tls">
    /// Returns the TLS options for a host, for each connection of a configuration with <c>ssl=true</c>; null for those of the configuration.
    /// </param>
    /// <exception cref="ArgumentException">The configuration cannot be parsed.</exception>
    public RedisConnection(
        string configuration, string prefix = DefaultPrefix, TimeSpan? timeout = null, Func<string, SslClientAuthenticationOptions>? tls = null)
    {
        _prefix = prefix;
        _timeout = timeout ?? DefaultTimeout;
        ConfigurationOptions options = ConfigurationOptions.Parse(configuration);
        options.AbortOnConnectFail = false;
        options.ConnectRetry = 1;
        options.ConnectTimeout = options.SyncTimeout = options.AsyncTimeout = (int)_timeout.TotalMilliseconds;
        options.ReconnectRetryPolicy = new LinearRetry((int)Pause.TotalMilliseconds);
        // Timeouts are detected and connections re-established at heartbeats.
        options.HeartbeatInterval = TimeSpan.FromMilliseconds(200);
        options.KeepAlive = 5;
        // The caller of a write would no longer be waiting if the write were sent minutes later.
        options.BacklogPolicy = BacklogPolicy.FailFast;
        // Reading the server's configuration counts as administration.
        options.AllowAdmin = true;
        options.IncludeDetailInExceptions = false;
        options.ClientName ??= "brownian";
        options.SslClientAuthenticationOptions = tls ?? options.SslClientAuthenticationOptions;
        _endpoints = string.Join(", ", options.EndPoints.Select(Format));
        _connecting = Task.Run(() => ConnectAsync(options));
    }

    /// <summary>The server's time.</summary>
    public TimeProvider Clock => _clock;

    /// <summary>Whether the server can be reached now.</summary>
    public bool IsConnected => _connecting.IsCompletedSuccessfully && _connecting.GetAwaiter().GetResult().IsConnected;

    /// <summary>Returns the underlying connection, for libraries that use StackExchange.Redis.</summary>
    /// <returns>The connection, which may not be established yet.</returns>
    public async Task<IConnectionMultiplexer> MultiplexerAsync() => await _connecting.WaitAsync(_timeout).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_disposed.IsCancellationRequested)
        {
            return;
        }
        await _disposed.CancelAsync().ConfigureAwait(false);
        try
        {
            await (await _connecting.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The connection was never established.
        }
    }

    /// <summary>Returns and clears whether the server has refused to store more.</summary>
    internal bool ReadWasFull() => Interlocked.Exchange(ref _wasFull, false);

    /// <summary>Returns a key with this connection's prefix.</summary>
    internal RedisKey Key(string name) => _prefix + name;

    /// <summary>Runs commands on the server.</summary>
    /// <exception cref="PlatformUnavailableException">The command failed, or it was carried out and its answer was lost.</exception>
    internal async Task<T> UseAsync<T>(Func<IDatabase, Task<T>> use, CancellationToken cancellationToken)
    {
        try
        {
            ConnectionMultiplexer redis = await _connecting.WaitAsync(_timeout, cancellationToken).ConfigureAwait(false);
            IDatabase database = redis.GetDatabase();
            if (!_clock.IsSet)
            {
                await MeasureAsync(database, System.Diagnostics.Stopwatch.GetTimestamp()).WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            else if (_clock.TryBeginMeasure(out long sent))
            {
                _ = MeasureAgainAsync(database, sent);
            }
            return await use(database).WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (
            IsOutage(exception) || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            bool isFull = IsFull(exception);
            if (isFull)
            {
                Volatile.Write(ref _wasFull, true);
            }
            throw new PlatformUnavailableException(
                PlatformPart.JobStore, $"Redis at {_endpoints} cannot be used now: {exception.Message}", exception, isFull);
        }
    }

    /// <summary>Runs a script, and loads it into the server if necessary.</summary>
    /// <exception cref="PlatformUnavailableException">See <see cref="UseAsync"/>.</exception>
    internal Task<RedisResult> RunAsync(string script, RedisKey[] keys, RedisValue[] values, CancellationToken cancellationToken) =>
        UseAsync(database => database.ScriptEvaluateAsync(script, keys, values), cancellationToken);

    /// <summary>Subscribes to a channel from now on, for the lifetime of this connection, on a best-effort basis.</summary>
    /// <param name="channel">The channel's name, without the prefix.</param>
    /// <param name="handler">Called with each published message.</param>
    /// <param name="missed">Called when messages may have been missed and the subscription is active again.</param>
    internal void Listen(string channel, Action<string> handler, Action missed) =>
        _ = ListenAsync(RedisChannel.Literal(_prefix + channel), handler, missed);

    private static string Format(System.Net.EndPoint endpoint) => endpoint is System.Net.DnsEndPoint dns
        ? string.Create(CultureInfo.InvariantCulture, $"{dns.Host}:{dns.Port}")
        : endpoint.ToString() ?? "";

    private static bool IsFull(Exception exception) =>
        exception is RedisServerException && exception.Message.Contains("OOM command not allowed", StringComparison.Ordinal);

    private static bool IsOutage(Exception exception) =>
        exception is RedisException or TimeoutException or ObjectDisposedException
        // The lock library aggregates the faults of its servers.
        || (exception is AggregateException { InnerExceptions: var inner } && inner.All(IsOutage));

    private async Task<ConnectionMultiplexer> ConnectAsync(ConfigurationOptions options)
    {
        while (true)
        {
            try
            {
                ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(options).ConfigureAwait(false);
                redis.ConnectionRestored += (_, _) => _clock.Invalidate();
                return redis;
            }
            catch (Exception exception) when (IsOutage(exception))
            {
                // An unreachable server does not throw here; a host name that cannot be resolved yet does.
                await Task.Delay(Pause, _disposed.Token).ConfigureAwait(false);
            }
        }
    }

    private async Task MeasureAsync(IDatabase database, long sent)
    {
        RedisResult time = await database.ExecuteAsync("TIME").ConfigureAwait(false);
        _clock.Follow(DateTimeOffset.FromUnixTimeSeconds((long)time[0]).AddMicroseconds((long)time[1]), sent);
    }

    private async Task MeasureAgainAsync(IDatabase database, long sent)
    {
        try
        {
            await MeasureAsync(database, sent).ConfigureAwait(false);
        }
        catch (Exception exception) when (IsOutage(exception))
        {
            // The clock continues with the previous measurement.
            _clock.Invalidate();
        }
    }

    private async Task ListenAsync(RedisChannel channel, Action<string> handler, Action missed)
    {
        try
        {
            ConnectionMultiplexer redis = await _connecting.ConfigureAwait(false);
            ISubscriber subscriber = redis.GetSubscriber();
            using var timer = new PeriodicTimer(Pause);
            void Handle(RedisChannel _, RedisValue message) => handler(message.ToString());
            bool listens = false;
            // The client library renews subscriptions but does not report when; messages published until then are missed.
            bool subscribed = false;
            redis.ConnectionFailed += (_, _) => Volatile.Write(ref subscribed, false);
            do
            {
                if (!redis.IsConnected)
                {
                    continue;
                }
                if (!listens)
                {
                    listens = await TrySubscribeAsync(subscriber, channel, Handle).ConfigureAwait(false);
                }
                if (listens && !Volatile.Read(ref subscribed) && subscriber.IsConnected(channel))
                {
                    Volatile.Write(ref subscribed, true);
                    missed();
                }
            }
            while (await timer.WaitForNextTickAsync(_disposed.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            // The connection is disposed.
        }
    }

    private static async Task<bool> TrySubscribeAsync(ISubscriber subscriber, RedisChannel channel, Action<RedisChannel, RedisValue> handler)
    {
        try
        {
            await subscriber.SubscribeAsync(channel, handler).ConfigureAwait(false);
            return true;
        }
        catch (Exception exception) when (IsOutage(exception))
        {
            // It may be registered nevertheless, and a second registration would deliver messages twice.
            await subscriber.UnsubscribeAsync(channel, handler, CommandFlags.FireAndForget).ConfigureAwait(false);
            return false;
        }
    }
}
