using StackExchange.Redis;

namespace Brownian.Jobs.Redis;

/// <summary>
/// The one connection of a process to a Redis server. It is made in the background and made again whenever it breaks: a process starts, and
/// goes on, while the server is away. Nothing is kept to be sent later: what could not be sent fails at once.
/// </summary>
public sealed class RedisConnection : IAsyncDisposable
{
    /// <summary>What keys begin with where nothing else is said.</summary>
    public const string DefaultPrefix = "brownian:";

    /// <summary>
    /// What a script begins with that must run although the server's memory is full (maxmemory, noeviction). The server refuses the first write
    /// of a script that may take memory, but goes on with a script that has begun with a write which takes none; so do all versions. Version 7
    /// has a flag for it, which older ones cannot parse.
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

    /// <summary>Begins to connect.</summary>
    /// <param name="configuration">As StackExchange.Redis has it, for example <c>redis:6379,password=...</c>. Timeouts are decided here.</param>
    /// <param name="prefix">What every key and channel begins with.</param>
    /// <param name="timeout">How long a command, or the way to the server, may take; 2 s where it is null.</param>
    /// <exception cref="ArgumentException">The configuration cannot be understood.</exception>
    public RedisConnection(string configuration, string prefix = DefaultPrefix, TimeSpan? timeout = null)
    {
        _prefix = prefix;
        _timeout = timeout ?? DefaultTimeout;
        ConfigurationOptions options = ConfigurationOptions.Parse(configuration);
        options.AbortOnConnectFail = false;
        options.ConnectRetry = 1;
        options.ConnectTimeout = options.SyncTimeout = options.AsyncTimeout = (int)_timeout.TotalMilliseconds;
        options.ReconnectRetryPolicy = new LinearRetry((int)Pause.TotalMilliseconds);
        // It is at heartbeats that timeouts are noticed and connections made again.
        options.HeartbeatInterval = TimeSpan.FromMilliseconds(200);
        options.KeepAlive = 5;
        // The caller of a write no longer waits when the write is sent minutes later.
        options.BacklogPolicy = BacklogPolicy.FailFast;
        // To read how the server is set up counts as administration.
        options.AllowAdmin = true;
        options.IncludeDetailInExceptions = false;
        options.ClientName ??= "brownian";
        _endpoints = string.Join(", ", options.EndPoints.Select(Format));
        _connecting = Task.Run(() => ConnectAsync(options));
    }

    /// <summary>The server's time.</summary>
    public TimeProvider Clock => _clock;

    /// <summary>Whether the server can be reached now.</summary>
    public bool IsConnected => _connecting.IsCompletedSuccessfully && _connecting.GetAwaiter().GetResult().IsConnected;

    /// <summary>The connection itself, for libraries that know StackExchange.Redis.</summary>
    /// <returns>It may not be connected yet.</returns>
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
            // It never came to be.
        }
    }

    /// <summary>Whether the server has refused to store more since this was asked last.</summary>
    internal bool TakeWasFull() => Interlocked.Exchange(ref _wasFull, false);

    /// <summary>A key of this connection's.</summary>
    internal RedisKey Key(string name) => _prefix + name;

    /// <summary>Uses the server.</summary>
    /// <exception cref="PlatformUnavailableException">It did not do what was asked. It may have done it, and the answer was lost.</exception>
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
            else if (_clock.TryAsk(out long sent))
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

    /// <summary>Runs a script; the server is taught it where it does not know it.</summary>
    /// <exception cref="PlatformUnavailableException">As of <see cref="UseAsync"/>.</exception>
    internal Task<RedisResult> RunAsync(string script, RedisKey[] keys, RedisValue[] values, CancellationToken cancellationToken) =>
        UseAsync(database => database.ScriptEvaluateAsync(script, keys, values), cancellationToken);

    /// <summary>Listens to a channel from now on, as long as this lives and as well as it goes.</summary>
    /// <param name="channel">Its name, without the prefix.</param>
    /// <param name="told">With what was published.</param>
    /// <param name="missed">Called when something may have been missed, and it is listened again.</param>
    internal void Listen(string channel, Action<string> told, Action missed) =>
        _ = ListenAsync(RedisChannel.Literal(_prefix + channel), told, missed);

    private static string Format(System.Net.EndPoint endpoint) => endpoint is System.Net.DnsEndPoint dns
        ? string.Create(CultureInfo.InvariantCulture, $"{dns.Host}:{dns.Port}")
        : endpoint.ToString() ?? "";

    private static bool IsFull(Exception exception) =>
        exception is RedisServerException && exception.Message.Contains("OOM command not allowed", StringComparison.Ordinal);

    private static bool IsOutage(Exception exception) =>
        exception is RedisException or TimeoutException or ObjectDisposedException
        // A lock's library gathers the faults of its servers.
        || (exception is AggregateException { InnerExceptions: var inner } && inner.All(IsOutage));

    private async Task<ConnectionMultiplexer> ConnectAsync(ConfigurationOptions options)
    {
        while (true)
        {
            try
            {
                ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(options).ConfigureAwait(false);
                redis.ConnectionRestored += (_, _) => _clock.Doubt();
                return redis;
            }
            catch (Exception exception) when (IsOutage(exception))
            {
                // A server that is away is no reason; a name that cannot be resolved yet is one.
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
            // The clock goes on as it went.
            _clock.Doubt();
        }
    }

    private async Task ListenAsync(RedisChannel channel, Action<string> told, Action missed)
    {
        try
        {
            ConnectionMultiplexer redis = await _connecting.ConfigureAwait(false);
            ISubscriber subscriber = redis.GetSubscriber();
            using var timer = new PeriodicTimer(Pause);
            void Told(RedisChannel _, RedisValue message) => told(message.ToString());
            bool listens = false;
            // The client renews subscriptions by itself, but does not say when it has: what was published until then is missed.
            bool heard = false;
            redis.ConnectionFailed += (_, _) => Volatile.Write(ref heard, false);
            do
            {
                if (!redis.IsConnected)
                {
                    continue;
                }
                if (!listens)
                {
                    listens = await TrySubscribeAsync(subscriber, channel, Told).ConfigureAwait(false);
                }
                if (listens && !Volatile.Read(ref heard) && subscriber.IsConnected(channel))
                {
                    Volatile.Write(ref heard, true);
                    missed();
                }
            }
            while (await timer.WaitForNextTickAsync(_disposed.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            // No subscriber is left.
        }
    }

    private static async Task<bool> TrySubscribeAsync(ISubscriber subscriber, RedisChannel channel, Action<RedisChannel, RedisValue> told)
    {
        try
        {
            await subscriber.SubscribeAsync(channel, told).ConfigureAwait(false);
            return true;
        }
        catch (Exception exception) when (IsOutage(exception))
        {
            // It may be registered nevertheless: once more would be twice.
            await subscriber.UnsubscribeAsync(channel, told, CommandFlags.FireAndForget).ConfigureAwait(false);
            return false;
        }
    }
}
