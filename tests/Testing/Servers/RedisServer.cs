using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Brownian.Testing.Certificates;

namespace Brownian.Testing.Servers;

/// <summary>A Redis server that answers a write after it is on the disk, and evicts no keys.</summary>
public sealed class RedisServer : PrivateServer
{
    /// <summary>The user of a server with TLS.</summary>
    public const string User = "brownian";

    private const string Password = "of tests with spaces";

    private readonly CertificateFolder? _tls;

    private RedisServer(CertificateFolder? tls = null) => _tls = tls;

    /// <summary>The configuration for StackExchange.Redis; with TLS also the user and the password.</summary>
    public string Configuration => ConfigurationOf("127.0.0.1");

    /// <summary>The configuration under another name of this machine.</summary>
    public string ConfigurationOf(string host) => string.Create(
        CultureInfo.InvariantCulture, $"{host}:{Port}{(_tls is null ? "" : $",ssl=true,user={User},password={Password}")}");

    /// <inheritdoc/>
    protected override string Program => "/usr/bin/redis-server";

    /// <inheritdoc/>
    protected override string Package => "redis-server";

    /// <inheritdoc/>
    protected override IReadOnlyList<string> Arguments =>
        [
            "--bind", "127.0.0.1",
            .. _tls is null ? (string[])["--port", Port.ToString(CultureInfo.InvariantCulture)] : TlsArguments(_tls),
            "--dir", Folder,
            "--appendonly", "yes",
            "--appendfsync", "always",
            "--maxmemory", "8gb",
            "--maxmemory-policy", "noeviction",
            "--save", "",
        ];

    /// <summary>Starts a server and waits until it answers.</summary>
    public static Task<RedisServer> StartAsync(CancellationToken cancellationToken) => StartAsync(() => new RedisServer(), cancellationToken);

    /// <summary>
    /// Starts a server that speaks TLS alone, requires a certificate of its clients, and lets in one user with a password.
    /// </summary>
    /// <param name="tls">The server's certificate, and the CAs of its clients.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    internal static Task<RedisServer> StartTlsAsync(CertificateFolder tls, CancellationToken cancellationToken) =>
        StartAsync(() => new RedisServer(tls), cancellationToken);

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

    private string[] TlsArguments(CertificateFolder tls) =>
    [
        "--port", "0", "--tls-port", Port.ToString(CultureInfo.InvariantCulture), "--tls-cert-file", tls.Certificate, "--tls-key-file", tls.Key,
        "--tls-ca-cert-file", tls.Authorities, "--tls-auth-clients", "yes",
        "--user", "default", "off", "--user", User, "on", "#" + PasswordHash, "~*", "&*", "+@all",
    ];

    private static string PasswordHash =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Password)));

    /// <inheritdoc/>
    protected override async Task AskAsync(CancellationToken cancellationToken)
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", Port, cancellationToken);
        if (_tls is not null)
        {
            // That it listens shows that it is ready, because it starts without data.
            return;
        }
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
