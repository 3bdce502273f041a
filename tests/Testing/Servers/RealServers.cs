namespace Brownian.Testing.Servers;

/// <summary>The servers that the tests of this assembly share, each started when the first test asks for it.</summary>
public sealed class RealServers : IAsyncDisposable
{
    // Not with a test's token: the server is for the tests after it too.
    private readonly Lazy<Task<RedisServer>> _redis = new(() => RedisServer.StartAsync(CancellationToken.None));
    private readonly Lazy<Task<RabbitMqServer>> _rabbitMq = new(() => RabbitMqServer.StartAsync(CancellationToken.None));

    /// <summary>The Redis. Tests name their keys so that no two meet.</summary>
    public Task<RedisServer> Redis => _redis.Value;

    /// <summary>The broker. Tests name their queues so that no two meet.</summary>
    public Task<RabbitMqServer> RabbitMq => _rabbitMq.Value;

    /// <summary>How long these servers may take to answer: a busy machine may stop them for seconds, and that is no test's subject.</summary>
    public static TimeSpan AnswerTime { get; } = TimeSpan.FromSeconds(60);

    /// <summary>The settings of a process whose cluster these servers are.</summary>
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
        // One that could not be started has told so to its tests, and left nothing.
        if (server.IsValueCreated && server.Value.IsCompletedSuccessfully)
        {
            await (await server.Value).DisposeAsync();
        }
    }
}
