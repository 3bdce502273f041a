using Brownian.Jobs.Redis;
using StackExchange.Redis;

namespace Brownian.Testing.Servers;

/// <summary>A connection to a server with keys of the test's own, which are removed at the end.</summary>
internal sealed class RedisSpace : IAsyncDisposable
{
    private readonly string _prefix = $"test-{Guid.NewGuid():n}:";
    private readonly RedisServer _server;
    private readonly TimeSpan? _answerTime;

    public RedisSpace(RedisServer server, TimeSpan? answerTime = null)
    {
        _server = server;
        _answerTime = answerTime;
        Connection = Connect();
    }

    public RedisConnection Connection { get; }

    /// <summary>A second connection, in the role of another process.</summary>
    public RedisConnection Connect() => new(_server.Configuration, _prefix, _answerTime);

    public string Key(string name) => _prefix + name;

    public async Task<IDatabase> DatabaseAsync() => (await Connection.MultiplexerAsync()).GetDatabase();

    public async Task<IServer> ServerAsync() => (await Connection.MultiplexerAsync()).GetServers().Single();

    /// <summary>All keys of the test.</summary>
    public async Task<string[]> KeysAsync() => (string[])(await (await DatabaseAsync()).ExecuteAsync("KEYS", _prefix + "*"))!;

    /// <summary>Waits until a channel has a number of subscribers.</summary>
    public async Task ListensAsync(string channel, int listeners)
    {
        IServer server = await ServerAsync();
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (await server.SubscriptionSubscriberCountAsync(RedisChannel.Literal(_prefix + channel)) < listeners)
        {
            await timer.WaitForNextTickAsync(deadline.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        IDatabase database = await DatabaseAsync();
        await database.KeyDeleteAsync([.. (await KeysAsync()).Select(key => (RedisKey)key)]);
        await Connection.DisposeAsync();
    }
}
