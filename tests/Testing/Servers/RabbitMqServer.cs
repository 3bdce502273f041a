using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Brownian.Testing.Certificates;
using RabbitMQ.Client;

namespace Brownian.Testing.Servers;

/// <summary>A RabbitMQ broker of one node, without plugins.</summary>
public sealed class RabbitMqServer : PrivateServer
{
    private readonly int _distributionPort = FreePort.Find();

    private bool _isTls;

    private RabbitMqServer()
    {
    }

    /// <summary>The address for RabbitMQ.Client.</summary>
    public Uri Uri => UriOf("127.0.0.1");

    /// <summary>The address under another name of this machine.</summary>
    public Uri UriOf(string host) => new(string.Create(CultureInfo.InvariantCulture, $"{(_isTls ? "amqps" : "amqp")}://guest:guest@{host}:{Port}/"));

    /// <summary>The address of one of its virtual hosts.</summary>
    /// <param name="space">The number of the virtual host, from 1 on.</param>
    public Uri UriOf(int space) => new(Uri, NameOf(space));

    /// <inheritdoc/>
    /// <remarks>RabbitMQ's own script: the one in sbin is Debian's and changes to another user.</remarks>
    protected override string Program => "/usr/lib/rabbitmq/bin/rabbitmq-server";

    /// <inheritdoc/>
    protected override string Package => "rabbitmq-server";

    /// <inheritdoc/>
    protected override IReadOnlyList<string> Arguments => [];

    /// <inheritdoc/>
    protected override IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>
    {
        ["RABBITMQ_NODENAME"] = Node,
        ["RABBITMQ_CONFIG_FILE"] = ConfigurationFile,
        ["RABBITMQ_ADVANCED_CONFIG_FILE"] = InFolder("advanced.config"),
        ["RABBITMQ_CONF_ENV_FILE"] = InFolder("rabbitmq-env.conf"),
        ["RABBITMQ_ENABLED_PLUGINS_FILE"] = InFolder("enabled_plugins"),
        ["RABBITMQ_GENERATED_CONFIG_DIR"] = InFolder("config"),
        ["RABBITMQ_MNESIA_BASE"] = InFolder("mnesia"),
        ["RABBITMQ_LOG_BASE"] = InFolder("log"),
        // To the console as the rest: a broker that cannot open a log file within five seconds, on a busy machine, ends.
        ["RABBITMQ_UPGRADE_LOG"] = "-",
        ["RABBITMQ_PID_FILE"] = InFolder("pid"),
        ["RABBITMQ_DIST_PORT"] = DistributionPort,
        // With it the virtual machine replaces the script, which would otherwise wait for it: a signal reaches the server itself.
        ["RABBITMQ_ALLOW_INPUT"] = "1",
        // No program looks this node up, so no port mapper is started: not by the node, and not by the short-lived ones that it starts every
        // minute to keep one alive. The mapper's port is one without a listener, so that the machine's own mapper does not list this node.
        ["ERL_AFLAGS"] = "-start_epmd false",
        ["ERL_EPMD_PORT"] = "1",
        // The name is given here because the boot script would otherwise start another virtual machine to start a port mapper.
        // The cookie is the one that Erlang creates in a home folder without one.
        ["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] =
            $"+S 2:2 -noinput -sname {Node} -erl_epmd_port {DistributionPort} -kernel inet_dist_use_interface {{127,0,0,1}}",
    };

    private string Node => string.Create(CultureInfo.InvariantCulture, $"brownian-{Port}@localhost");

    private string DistributionPort => _distributionPort.ToString(CultureInfo.InvariantCulture);

    private string ConfigurationFile => InFolder("rabbitmq.conf");

    /// <summary>Starts a broker and waits until it answers.</summary>
    public static Task<RabbitMqServer> StartAsync(CancellationToken cancellationToken) => StartAsync("", cancellationToken);

    /// <summary>Starts a broker and waits until it answers.</summary>
    /// <param name="configuration">More lines of rabbitmq.conf.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    public static Task<RabbitMqServer> StartAsync(string configuration, CancellationToken cancellationToken) =>
        StartAsync(_ => configuration, cancellationToken);

    private static string NameOf(int space) => string.Create(CultureInfo.InvariantCulture, $"space-{space}");

    private static Task<RabbitMqServer> StartAsync(Func<RabbitMqServer, string> configuration, CancellationToken cancellationToken) =>
        StartAsync(configuration, isTls: false, cancellationToken);

    private static Task<RabbitMqServer> StartAsync(Func<RabbitMqServer, string> configuration, bool isTls, CancellationToken cancellationToken) =>
        StartAsync(
            () =>
            {
                var server = new RabbitMqServer { _isTls = isTls };
                string listeners = isTls ? "listeners.tcp = none\nlisteners.ssl.default" : "listeners.tcp.default";
                File.WriteAllText(
                    server.ConfigurationFile,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{listeners} = 127.0.0.1:{server.Port}\nlog.file = false\nlog.console = true\n{configuration(server)}\n"));
                return server;
            },
            cancellationToken);

    /// <summary>Starts a broker that speaks TLS alone and requires a certificate of its clients, and waits until it listens.</summary>
    /// <param name="tls">The broker's certificate, and the CAs of its clients.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    internal static Task<RabbitMqServer> StartTlsAsync(CertificateFolder tls, CancellationToken cancellationToken) => StartAsync(
        _ => string.Join(
            '\n', $"ssl_options.cacertfile = {tls.Authorities}", $"ssl_options.certfile = {tls.Certificate}", $"ssl_options.keyfile = {tls.Key}",
            "ssl_options.verify = verify_peer", "ssl_options.fail_if_no_peer_cert = true"),
        isTls: true, cancellationToken);

    /// <summary>Starts a broker with more virtual hosts than the default one, and waits until it answers.</summary>
    /// <param name="spaces">The number of virtual hosts.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    public static Task<RabbitMqServer> StartAsync(int spaces, CancellationToken cancellationToken)
    {
        string[] hosts = ["/", .. Enumerable.Range(1, spaces).Select(NameOf)];
        // RabbitMQ's form: a salt of four bytes, and the hash of salt and password. A broker that reads definitions creates no guest of its own.
        byte[] salt = [1, 2, 3, 4];
        byte[] hash = [.. salt, .. SHA256.HashData([.. salt, .. "guest"u8])];
        var definitions = new
        {
            users = new[] { new { name = "guest", password_hash = Convert.ToBase64String(hash), tags = "administrator" } },
            vhosts = hosts.Select(name => new { name }),
            permissions = hosts.Select(vhost => new { user = "guest", vhost, configure = ".*", write = ".*", read = ".*" }),
        };
        return StartAsync(
            server =>
            {
                string file = server.InFolder("definitions.json");
                File.WriteAllText(file, JsonSerializer.Serialize(definitions));
                return $"load_definitions = {file}";
            },
            cancellationToken);
    }

    /// <summary>Starts a broker with its management interface, and waits until both answer.</summary>
    public static async Task<(RabbitMqServer Broker, Uri Management)> StartManagedAsync(CancellationToken cancellationToken)
    {
        int port = FreePort.Find();
        RabbitMqServer broker = await StartAsync(
            server =>
            {
                File.WriteAllText(server.InFolder("enabled_plugins"), "[rabbitmq_management].");
                return string.Create(CultureInfo.InvariantCulture, $"management.tcp.port = {port}\nmanagement.tcp.ip = 127.0.0.1");
            },
            cancellationToken);
        return (broker, new Uri(string.Create(CultureInfo.InvariantCulture, $"http://guest:guest@127.0.0.1:{port}/")));
    }

    /// <summary>Waits until a new quorum queue would be found again after <see cref="PrivateServer.Kill"/>.</summary>
    /// <remarks>
    /// RabbitMQ 3.10 confirms the declaration and every message before the list of its queues' logs is written, which is up to seconds later.
    /// Killed in between, it comes back with a queue that has neither messages nor a leader, and every get from it hangs.
    /// </remarks>
    public async Task WaitUntilKeptAsync(string queue, CancellationToken cancellationToken)
    {
        string list = Path.Combine(Folder, "mnesia", Node, "quorum", Node, "names.dets");
        byte[] entry = Encoding.UTF8.GetBytes($"%2F_{queue}");
        long start = Stopwatch.GetTimestamp();
        using var timer = new PeriodicTimer(Pause);
        while ((await ReadChangingAsync(list, cancellationToken)).AsSpan().IndexOf(entry) < 0)
        {
            if (Stopwatch.GetElapsedTime(start) > Deadline)
            {
                throw new TimeoutException($"{list} does not name {queue} after {Deadline}");
            }
            await timer.WaitForNextTickAsync(cancellationToken);
        }
    }

    /// <inheritdoc/>
    protected override async Task AskAsync(CancellationToken cancellationToken)
    {
        if (_isTls)
        {
            using var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", Port, cancellationToken);
            return;
        }
        var factory = new ConnectionFactory { Uri = Uri, AutomaticRecoveryEnabled = false };
        await using IConnection connection = await factory.CreateConnectionAsync(cancellationToken);
        await using IChannel channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
    }

    /// <summary>Reads a file that the server may shorten or replace meanwhile; what is missing is read the next time.</summary>
    private static async Task<byte[]> ReadChangingAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var content = new MemoryStream();
            await file.CopyToAsync(content, cancellationToken);
            return content.ToArray();
        }
        catch (FileNotFoundException)
        {
            return [];
        }
    }

    private string InFolder(string name) => Path.Combine(Folder, name);
}
