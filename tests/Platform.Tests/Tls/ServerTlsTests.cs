using Brownian.Hosting;
using Brownian.Jobs.Redis;
using Brownian.Testing.Certificates;
using Brownian.V1;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Brownian.Platform.Tests.Tls;

/// <summary>A Redis and a RabbitMQ that speak TLS alone and require certificates of their clients.</summary>
public sealed class ServerTlsTests : IAsyncLifetime
{
    private readonly Stubs _stubs = new();
    private readonly TestAuthority _authority = new();
    private readonly CertificateFolder _files;
    private readonly CertificateFolder _serverFiles;
    private RedisServer? _redis;
    private RabbitMqServer? _rabbitMq;

    public ServerTlsTests()
    {
        _files = new CertificateFolder(_authority.Issue(), _authority.Pem);
        // Only for the address: localhost is the wrong name.
        _serverFiles = new CertificateFolder(_authority.Issue(["127.0.0.1"]), _authority.Pem);
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisServer.StartTlsAsync(_serverFiles, Stop);
        _rabbitMq = await RabbitMqServer.StartTlsAsync(_serverFiles, Stop);
    }

    public async ValueTask DisposeAsync()
    {
        await (_rabbitMq?.DisposeAsync() ?? default);
        await (_redis?.DisposeAsync() ?? default);
        _serverFiles.Dispose();
        _files.Dispose();
        _stubs.Dispose();
    }

    [Fact]
    public async Task A_job_passes_through_Redis_and_RabbitMQ_with_TLS_users_and_client_certificates()
    {
        string model = _stubs.Add();
        await using Node node = await Node.StartAsync(
            Node.Everything, ServiceRole.Gateway,
            [
                .. SettingsFor(model, _files), "CacheRedis=" + _redis!.Configuration, $"RabbitMq={_rabbitMq!.Uri}",
                // The name is that of the certificate where it is not that of the server.
                "Redis=" + _redis.ConfigurationOf("localhost") + ",sslHost=127.0.0.1",
            ]);
        GenerateRequest request = Stubs.Request(model, 9);

        Artifact? artifact = null;
        await foreach (JobEvent item in node.Client.GenerateAsync(request, Stop))
        {
            artifact = item.Artifact ?? artifact;
        }

        Assert.Equal((await _stubs.ExpectedAsync(request))[0], await node.Client.GetArtifactAsync(artifact!.Id, Stop));
        RedisConnection cache = node.Services.GetRequiredKeyedService<RedisConnection>("cache");
        Assert.NotSame(node.Services.GetRequiredService<RedisConnection>(), cache);
        await Eventually.TrueAsync(() => Task.FromResult(cache.IsConnected), "the cache is connected");
        // The command goes through MassTransit's connections.
        string id = (await node.Client.Workers.ListAsync(new ListWorkersRequest(), cancellationToken: Stop)).Workers[0].Id;
        await node.Client.Workers.PauseAsync(new WorkerRequest { Id = id }, cancellationToken: Stop);
        await Eventually.TrueAsync(
            async () => (await node.Client.Workers.ListAsync(new ListWorkersRequest(), cancellationToken: Stop))
                .Workers.Single(worker => worker.Id == id).State == "paused",
            "the worker is paused");
    }

    [Fact]
    public async Task Servers_of_another_CA_are_not_used_and_the_log_says_why()
    {
        var another = new TestAuthority("another");
        using var files = new CertificateFolder(another.Issue(), another.Pem);

        await RefusedAsync(files, "127.0.0.1", "the certificate of 127.0.0.1 is not accepted: UntrustedRoot");
    }

    [Fact]
    public async Task Servers_whose_certificates_have_another_name_are_not_used_and_the_log_says_why() =>
        await RefusedAsync(_files, "localhost", "the certificate of localhost is for another name: 127.0.0.1");

    [Fact]
    public async Task Servers_refuse_a_process_without_a_certificate()
    {
        await using Node node = await Node.StartEarlyAsync(
            Node.Everything, ServiceRole.Gateway,
            [
                .. _stubs.Settings(_stubs.Add()), "AuthorityFile=" + _files.Authorities, "AnswerSeconds=1", "Redis=" + _redis!.Configuration,
                $"RabbitMq={_rabbitMq!.Uri}",
            ]);

        await UnavailableAsync(node);
    }

    private async Task RefusedAsync(CertificateFolder files, string host, string reason)
    {
        var lines = new LogLines();
        await using Node node = await Node.StartEarlyAsync(
            platform =>
            {
                platform.Web.Logging.AddProvider(lines);
                Node.Everything(platform);
            },
            ServiceRole.Gateway,
            [
                .. SettingsFor(_stubs.Add(), files), "AnswerSeconds=1", "Redis=" + _redis!.ConfigurationOf(host),
                $"RabbitMq={_rabbitMq!.UriOf(host)}",
            ]);

        await UnavailableAsync(node);
        foreach (string part in (string[])["Redis at ", "RabbitMQ at "])
        {
            await Eventually.TrueAsync(
                () => Task.FromResult(lines.Lines.Any(
                    line => line.Text.Contains(part, StringComparison.Ordinal) && line.Text.Contains(reason, StringComparison.Ordinal))),
                $"a line about {part} with: {reason}");
        }
    }

    private static async Task UnavailableAsync(Node node)
    {
        string health = "";
        await Eventually.TrueAsync(
            async () =>
            {
                health = await (await node.Http.GetAsync("/health/ready", Stop)).Content.ReadAsStringAsync(Stop);
                return health.Contains("the broker is unavailable", StringComparison.Ordinal)
                    && health.Contains("the store is unavailable", StringComparison.Ordinal);
            },
            "neither is used: " + health);
    }

    private IEnumerable<string> SettingsFor(string model, CertificateFolder files) => [.. _stubs.Settings(model), .. files.Settings];
}
