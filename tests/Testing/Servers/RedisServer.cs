using System.Net.Sockets;
using System.Text;

namespace Brownian.Testing.Servers;

/// <summary>A Redis server that answers a write after it is on the disk, and evicts no keys.</summary>
public sealed class RedisServer : PrivateServer
{
    private RedisServer()
    {
    }

    /// <summary>The configuration for StackExchange.Redis.</summary>
    public string Configuration => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Port}");

    /// <inheritdoc/>
    protected override string Program => "/usr/bin/redis-server";

    /// <inheritdoc/>
    protected override string Package => "redis-server";

    /// <inheritdoc/>
    protected override IReadOnlyList<string> Arguments =>
        [
            "--bind", "127.0.0.1",
            "--port", Port.ToString(CultureInfo.InvariantCulture),
            "--dir", Folder,
            "--appendonly", "yes",
            "--appendfsync", "always",
            "--maxmemory", "8gb",
            "--maxmemory-policy", "noeviction",
            "--save", "",
        ];

    /// <summary>Starts a server and waits until it answers.</summary>
    public static Task<RedisServer> StartAsync(CancellationToken cancellationToken) => StartAsync(() => new RedisServer(), cancellationToken);

    /// <summary>Starts a server on data that exist before, and waits until it answers.</summary>
    /// <param name="prepare">Fills the server's folder, and may use its port.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    public static Task<RedisServer> StartAsync(Action<string, int> prepare, CancellationToken cancellationToken) =>
        StartAsync(
            () =>
            {
                var server = new RedisServer();
                prepare(server.Folder, server.Port);
                return server;
            },
            cancellationToken);

    /// <inheritdoc/>
    protected override async Task AskAsync(CancellationToken cancellationToken)
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", Port, cancellationToken);
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync("PING\r\n"u8.ToArray(), cancellationToken);
        using var reader = new StreamReader(stream, Encoding.ASCII);
        // While it reads its data it answers -LOADING.
        string? answer = await reader.ReadLineAsync(cancellationToken);
        if (answer != "+PONG")
        {
            throw new InvalidDataException($"{Program} answers {answer} to PING");
        }
    }
}
