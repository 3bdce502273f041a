using System.Collections.Concurrent;

namespace Brownian.Testing.Servers;

/// <summary>
/// The servers that the tests of this assembly share, each started at its first use. The clusters of different classes, whose tests run at the same
/// time, are in different virtual hosts of the broker and databases of Redis: the workers of a cluster list each other, take commands, and share the
/// queues of stages that run no model.
/// </summary>
public sealed class RealServers : IAsyncDisposable
{
    // Without a test's token, because later tests use the servers too.
    private readonly Lazy<Task<RedisServer>> _redis = new(() => RedisServer.StartAsync(CancellationToken.None));
    private readonly Lazy<Task<RabbitMqServer>> _rabbitMq = new(() => RabbitMqServer.StartAsync(Spaces, CancellationToken.None));
    private readonly ConcurrentDictionary<string, int> _spaces = new(StringComparer.Ordinal);
    private int _lastSpace;

    /// <summary>The number of classes of an assembly whose tests can have clusters.</summary>
    private const int Spaces = 15;

    /// <summary>The Redis server. No two tests use the same keys.</summary>
    public Task<RedisServer> Redis => _redis.Value;

    /// <summary>The broker. No two tests use the same queues.</summary>
    public Task<RabbitMqServer> RabbitMq => _rabbitMq.Value;

    /// <summary>How long these servers may take to answer: a busy machine may stop them for seconds, which no test is about.</summary>
    public static TimeSpan AnswerTime { get; } = TimeSpan.FromSeconds(60);

    /// <summary>The number of the space of the running test's class.</summary>
    private int Space
    {
        get
        {
            int space = _spaces.GetOrAdd(TestContext.Current.TestClass?.UniqueID ?? "", _ => Interlocked.Increment(ref _lastSpace));
            Assert.InRange(space, 1, Spaces);
            return space;
        }
    }

    /// <summary>The broker as the clusters of the running test's class use it.</summary>
    public async Task<Uri> RabbitMqUriAsync() => (await RabbitMq).UriOf(Space);

    /// <summary>The settings of a process of a cluster that only tests of the running test's class use.</summary>
    /// <param name="redis">Another Redis than the shared one.</param>
    public async Task<string[]> SettingsAsync(RedisServer? redis = null) =>
    [
        $"RabbitMq={await RabbitMqUriAsync()}",
        "Redis=" + (redis?.Configuration
            ?? (await Redis).Configuration + ",defaultDatabase=" + Space.ToString(CultureInfo.InvariantCulture)),
        string.Create(CultureInfo.InvariantCulture, $"AnswerSeconds={AnswerTime.TotalSeconds}"),
    ];

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await DisposeAsync(_rabbitMq);
        await DisposeAsync(_redis);
    }

    private static async Task DisposeAsync<T>(Lazy<Task<T>> server)
        where T : PrivateServer
    {
        // A server that could not be started has failed its tests and left nothing.
        if (server.IsValueCreated && server.Value.IsCompletedSuccessfully)
        {
            await (await server.Value).DisposeAsync();
        }
    }
}
