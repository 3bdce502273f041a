namespace Brownian.Testing.Servers;

/// <summary>The servers that the tests of this assembly share, each started at its first use.</summary>
public sealed class RealServers : IAsyncDisposable
{
    // Without a test's token, because later tests use the servers too.
    private readonly Lazy<Task<RedisServer>> _redis = new(() => RedisServer.StartAsync(CancellationToken.None));
    private readonly Lazy<Task<RabbitMqServer>> _rabbitMq = new(() => RabbitMqServer.StartAsync(CancellationToken.None));

    /// <summary>The Redis server. No two tests use the same keys.</summary>
    public Task<RedisServer> Redis => _redis.Value;

    /// <summary>The broker. No two tests use the same queues.</summary>
    public Task<RabbitMqServer> RabbitMq => _rabbitMq.Value;

    /// <summary>How long these servers may take to answer: a busy machine may stop them for seconds, which no test is about.</summary>
    public static TimeSpan AnswerTime { get; } = TimeSpan.FromSeconds(60);

    /// <summary>The settings of a process that uses these servers.</summary>
    /// <param name="redis">Another Redis than the shared one.</param>
    public async Task<string[]> SettingsAsync(RedisServer? redis = null) =>
    [
        $"RabbitMq={(await RabbitMq).Uri}",
        $"Redis={(redis ?? await Redis).Configuration}",
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
