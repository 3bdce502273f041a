using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Brownian.Testing.Certificates;

namespace Brownian.Program.Tests.Documents;

/// <summary>docs/reverse-proxy.md: nginx with the file of the page, before a gateway.</summary>
public sealed class ReverseProxyTests(ServedProgram served) : IClassFixture<ServedProgram>, IAsyncLifetime
{
    private static readonly string[] Image = ["generate", "owl", "--steps", "1", "--seed", "7", "-o", "-"];

    private readonly TestAuthority _authority = new();
    private readonly TemporaryFolder _folder = new();
    private readonly int _port = FreePort.Find();
    private HttpClient _client = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private Uri Address => new($"https://localhost:{_port.ToString(CultureInfo.InvariantCulture)}");

    public async ValueTask InitializeAsync()
    {
        TestCertificate certificate = _authority.Issue();
        await File.WriteAllTextAsync(_folder.Combine("cert.pem"), certificate.Certificate, Stop);
        await File.WriteAllTextAsync(_folder.Combine("key.pem"), certificate.Key, Stop);
        await File.WriteAllTextAsync(_folder.Combine("ca.pem"), _authority.Pem, Stop);
        string file = new Page("docs/reverse-proxy.md").Block("nginx");
        foreach ((string given, string used) in ((string, string)[])
            [
                ("listen 443", $"listen {Address.Port.ToString(CultureInfo.InvariantCulture)}"),
                ("http://127.0.0.1:5080", served.Json),
                ("grpc://127.0.0.1:5081", served.Grpc.Replace("http:", "grpc:", StringComparison.Ordinal)),
            ])
        {
            Assert.Contains(given, file, StringComparison.Ordinal);
            file = file.Replace(given, used, StringComparison.Ordinal);
        }
        await File.WriteAllTextAsync(_folder.Combine("nginx.conf"), file, Stop);
        // The first process ends when its ports are open.
        await RunAsync();

        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(_authority.Trusted);
        _client = new HttpClient(new SocketsHttpHandler { SslOptions = { CertificateChainPolicy = policy } }) { BaseAddress = Address };
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await RunAsync("-s", "stop");
        _folder.Dispose();
    }

    [Fact]
    public async Task An_image_comes_by_gRPC()
    {
        ProgramResult here = await BrownianProgram.RunAsync(Image);
        ProgramResult there = await BrownianProgram.RunAsync([.. Image, "--server", Address.ToString(), "--ca", _folder.Combine("ca.pem")]);

        Assert.True(there.ExitCode == 0, there.Error);
        Assert.Equal(here.Output, there.Output);
    }

    [Fact]
    public async Task An_image_comes_by_JSON_and_its_events_arrive()
    {
        using HttpResponseMessage created = await _client.PostAsJsonAsync("/v1/jobs", new { prompt = "owl", steps = 1, seed = 7 }, Stop);
        JsonNode job = JsonNode.Parse(await created.Content.ReadAsStringAsync(Stop))!;
        Assert.True(created.StatusCode == HttpStatusCode.OK, job.ToJsonString());
        // The stream ends with the job.
        string events = await _client.GetStringAsync(new Uri($"/v1/jobs/{job["id"]}/events", UriKind.Relative), Stop);
        byte[] image = await _client.GetByteArrayAsync(new Uri($"/v1/artifacts/{job["id"]}-0", UriKind.Relative), Stop);

        Assert.Contains("event: done", events, StringComparison.Ordinal);
        Assert.Equal((await BrownianProgram.RunAsync(Image)).Output, image);
    }

    [Fact]
    public async Task A_call_of_gRPC_Web_goes_to_the_port_that_speaks_it()
    {
        // An empty message: no compression, length 0.
        using var content = new ByteArrayContent(new byte[5]);
        content.Headers.ContentType = new("application/grpc-web");
        using HttpResponseMessage response = await _client.PostAsync(new Uri("/brownian.v1.Models/List", UriKind.Relative), content, Stop);

        Assert.Equal((HttpStatusCode.OK, "application/grpc-web"), (response.StatusCode, response.Content.Headers.ContentType?.MediaType));
        Assert.Contains("emoji", Encoding.UTF8.GetString(await response.Content.ReadAsByteArrayAsync(Stop)), StringComparison.Ordinal);
    }

    private async Task RunAsync(params string[] arguments)
    {
        string folder = _folder.FullPath, log = _folder.Combine("error.log");
        string places = $"pid {folder}/nginx.pid; error_log {log};";
        using Process nginx = Process.Start("/usr/sbin/nginx", ["-p", folder, "-c", "nginx.conf", "-g", places, .. arguments]);
        await nginx.WaitForExitAsync(Stop);
        Assert.True(nginx.ExitCode == 0, File.Exists(log) ? await File.ReadAllTextAsync(log, Stop) : "");
    }
}
