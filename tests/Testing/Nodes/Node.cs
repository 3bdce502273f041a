using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Brownian.Client;
using Brownian.Denoiser;
using Brownian.Gateway;
using Brownian.Hosting;
using Brownian.Jobs.Access;
using Brownian.TextEncoder;
using Brownian.VaeDecoder;
using Brownian.Workers;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Brownian.Testing.Nodes;

/// <summary>A process of the platform within the test's process: the same services, on free ports.</summary>
internal sealed class Node : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ErrorLog _errors;

    private Node(WebApplication app, ErrorLog errors)
    {
        (_app, _errors) = (app, errors);
        X509Certificate2Collection? authorities = null;
        if (app.Services.GetRequiredService<PlatformOptions>().AuthorityFile is { Length: > 0 } file)
        {
            (authorities = []).ImportFromPemFile(file);
        }
        bool isSecured = app.Services.GetRequiredService<PlatformOptions>().RequiresAuthentication;
        Client = new BrownianClient(
            [GrpcAddress],
            new BrownianClientOptions
            {
                OperatorAddress = OperatorAddress,
                OperatorToken = OperatorToken,
                Credentials = isSecured ? BrownianClientOptions.Fixed(ApiKey) : null,
                CertificateAuthorities = authorities,
            });
        Http = new HttpClient(HandlerFor(authorities)) { BaseAddress = new Uri(Addresses.Http!) };
        if (isSecured)
        {
            Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", ApiKey);
        }
        Operators = new HttpClient(HandlerFor(authorities)) { BaseAddress = new Uri(Addresses.OperatorHttp!) };
    }

    /// <summary>The token that operates the workers of every node.</summary>
    public const string OperatorToken = "the-operators-of-tests";

    /// <summary>The key of nodes that require credentials, which their own clients send.</summary>
    public const string ApiKey = "brn_0123456789ab_the-key-of-the-tests-with-forty-three-chara";

    /// <summary>The token with which a gateway calls the workers of another node that requires credentials.</summary>
    public const string ServiceToken = "the-services-of-tests";

    /// <summary>The settings of a node that requires credentials.</summary>
    public static IReadOnlyList<string> Secured { get; } = ["Authentication=required", "InitialKey=" + ApiKey];

    public static Action<PlatformBuilder> Everything { get; } = platform => platform.AddGateway().AddTextEncoder().AddDenoiser().AddVaeDecoder();

    public static Action<PlatformBuilder> Workers { get; } = platform => platform.AddTextEncoder().AddDenoiser().AddVaeDecoder();

    public string GrpcAddress => Addresses.Grpc!;

    /// <summary>The operators' address of gRPC; null for a role that has none.</summary>
    public string? OperatorAddress => Addresses.OperatorGrpc;

    public BrownianClient Client { get; }

    public HttpClient Http { get; }

    /// <summary>The headers of calls that do not use <see cref="Client"/>.</summary>
    public Metadata Credentials => Http.DefaultRequestHeaders.Authorization is { } authorization
        ? new Metadata { { "authorization", authorization.ToString() } }
        : [];

    /// <summary>Calls the operators' HTTP port.</summary>
    public HttpClient Operators { get; }

    public IServiceProvider Services => _app.Services;

    private ListeningAddresses Addresses => Services.GetRequiredService<ListeningAddresses>();

    /// <summary>Starts a node and waits until its workers are ready.</summary>
    public static async Task<Node> StartAsync(Action<PlatformBuilder> add, ServiceRole role, params IEnumerable<string> settings)
    {
        Node node = await StartEarlyAsync(add, role, settings);
        await Eventually.TrueAsync(
            () => Task.FromResult(node.Services.GetServices<StageWorker>().All(worker => worker.IsAnnounced || worker.Problem is not null)),
            "the workers are ready");
        if (role == ServiceRole.Gateway && node.Services.GetRequiredService<InitialKey>().Text is { } key)
        {
            await Eventually.TrueAsync(
                async () => (await node.Services.GetRequiredService<IAccessStore>().FindKeyAsync(key.Id, TestContext.Current.CancellationToken)).Key
                    is not null,
                "the first key is stored");
        }
        return node;
    }

    /// <summary>Starts a node and waits until it listens, whether its workers are ready or not.</summary>
    public static async Task<Node> StartEarlyAsync(Action<PlatformBuilder> add, ServiceRole role, params IEnumerable<string> settings)
    {
        string[] args =
        [
            "--Platform:HttpPort=0", "--Platform:GrpcPort=0", "--Platform:OperatorHttpPort=0",
            .. role.OperatorGrpcPort is null ? (string[])[] : ["--Platform:OperatorGrpcPort=0"],
            "--Platform:Threads=1", "--Platform:ReconcileSeconds=0.1", "--Platform:GraceSeconds=0.5", "--Platform:LeaseSeconds=2",
            "--Platform:OperatorToken=" + OperatorToken, "--Logging:LogLevel:Default=Warning", .. settings.Select(setting => "--Platform:" + setting),
        ];
        var errors = new ErrorLog();
        WebApplication app = PlatformHost.Build(args, role, platform =>
        {
            platform.Services.AddSingleton<ILoggerProvider>(errors);
            add(platform);
        });
        await app.StartAsync();
        return new Node(app, errors);
    }

    /// <summary>Returns a handler of HTTP that trusts the CAs; those of the system when null.</summary>
    public static SocketsHttpHandler HandlerFor(X509Certificate2Collection? authorities)
    {
        var handler = new SocketsHttpHandler();
        if (authorities is not null)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.AddRange(authorities);
            handler.SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
        }
        return handler;
    }

    /// <summary>Expects that the node logs errors that contain a text. Any other error fails the test.</summary>
    public void ExpectErrors(string part) => _errors.Expect(part);

    /// <summary>Stops the node in the way of SIGTERM.</summary>
    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        Http.Dispose();
        Operators.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        FailOnServerErrorsAttribute.Report(_errors.Unexpected);
    }
}
