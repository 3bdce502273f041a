using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Brownian.Diffusion.Faults;
using Brownian.Hosting.Certificates;
using Brownian.Testing.Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Brownian.Hosting.Tests.Certificates;

/// <summary>Handshakes between processes, and files that change.</summary>
public sealed class ProcessCertificatesTests : IDisposable
{
    private readonly TestAuthority _authority = new();
    private readonly List<IDisposable> _files = [];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Processes_whose_certificates_come_from_a_CA_below_the_root_accept_each_other()
    {
        TestAuthority intermediate = _authority.CreateIntermediate("intermediate");
        TestCertificate own = intermediate.Issue();
        // Each sends the CA between its certificate and the root; the peer has the root alone.
        ProcessCertificates chained = Open(own with { Certificate = own.Certificate + "\n" + intermediate.Pem }, _authority);

        (string? refusal, string? client) = await ConnectAsync(chained, ClientCertificateUse.Required, chained.ClientOptions("localhost"));

        Assert.Null(refusal);
        Assert.Equal(own.Thumbprint, client);
        ProcessCertificates alone = Open(own, _authority);
        (refusal, _) = await ConnectAsync(alone, ClientCertificateUse.None, alone.ClientOptions("localhost"));
        Assert.Contains("PartialChain", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_of_many_connections_sends_its_certificate_alone_and_the_server_needs_the_CAs_between()
    {
        TestAuthority intermediate = _authority.CreateIntermediate("intermediate");
        TestCertificate own = intermediate.Issue();
        ProcessCertificates client = Open(own with { Certificate = own.Certificate + "\n" + intermediate.Pem }, _authority);
        TestCertificate server = _authority.Issue();

        Assert.Null(await AcceptAsync(_authority.Pem));
        Assert.Equal(own.Thumbprint, await AcceptAsync(_authority.Pem + "\n" + intermediate.Pem));

        async Task<string?> AcceptAsync(string authorities)
        {
            CertificateFolder folder = Keep(new CertificateFolder(server, authorities));
            SslClientAuthenticationOptions options = client.LastingClientOptions();
            options.TargetHost = "localhost";
            // With TLS 1.2 the client learns within the handshake that it is refused.
            options.EnabledSslProtocols = SslProtocols.Tls12;
            try
            {
                return (await ConnectAsync(
                    new ProcessCertificates(new CertificateFiles(folder.Certificate, folder.Key, folder.Authorities), TimeProvider.System),
                    ClientCertificateUse.Required, options)).Client;
            }
            catch (Exception exception) when (exception is IOException or AuthenticationException)
            {
                return null;
            }
        }
    }

    [Theory]
    [InlineData(ClientCertificateUse.None)]
    [InlineData(ClientCertificateUse.Optional)]
    [InlineData(ClientCertificateUse.Required)]
    public async Task A_port_hands_the_validated_certificate_of_a_client_to_its_requests(ClientCertificateUse use)
    {
        TestCertificate own = _authority.Issue(), foreign = new TestAuthority("foreign").Issue();
        ProcessCertificates certificates = Open(own, _authority);
        WebApplicationBuilder web = WebApplication.CreateSlimBuilder();
        web.Logging.ClearProviders();
        web.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, port => port.Serve(HttpProtocols.Http1, certificates, use)));
        await using WebApplication app = web.Build();
        app.MapGet("/", async context => await context.Response.WriteAsync(
            (await context.Features.Get<ITlsConnectionFeature>()!.GetClientCertificateAsync(Stop))?.Thumbprint ?? "none"));
        await app.StartAsync(Stop);
        Assert.StartsWith("https://", app.Urls.Single(), StringComparison.Ordinal);

        Assert.Equal(use == ClientCertificateUse.None ? "none" : own.Thumbprint, await AskAsync(own));
        Assert.Equal(use == ClientCertificateUse.Required ? null : "none", await AskAsync(null));
        // One that is not valid is refused even where none is required.
        Assert.Equal(use == ClientCertificateUse.None ? "none" : null, await AskAsync(foreign));

        async Task<string?> AskAsync(TestCertificate? certificate)
        {
            using SocketsHttpHandler handler = Node.HandlerFor(_authority.Trusted);
            using X509Certificate2? loaded = certificate?.Load();
            // The selection ignores the CAs that the server names, so that a foreign certificate is sent.
            handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => loaded!;
            using var client = new HttpClient(handler);
            try
            {
                return await client.GetStringAsync(new Uri(app.Urls.Single()), Stop);
            }
            catch (HttpRequestException)
            {
                return null;
            }
        }
    }

    [Fact]
    public async Task No_certificate_is_required_of_clients_without_CAs_of_the_process()
    {
        TestCertificate own = _authority.Issue();
        using var folder = new CertificateFolder(own, _authority.Pem);
        var system = new ProcessCertificates(new CertificateFiles(folder.Certificate, folder.Key), TimeProvider.System);

        Assert.True(system.ServesTls);
        Assert.False(system.CanRequire);
        // The CAs of the system do not issue certificates of tests.
        (string? refusal, _) = await ConnectAsync(Open(own, _authority), ClientCertificateUse.None, system.ClientOptions("localhost"));
        Assert.Contains("the certificate of localhost is not accepted", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_port_speaks_TLS_1_2_and_later_alone()
    {
        ProcessCertificates certificates = Open(_authority.Issue(), _authority);
        SslServerAuthenticationOptions server = certificates.ServerOptions(ClientCertificateUse.None);

        Assert.Equal(SslProtocols.Tls12 | SslProtocols.Tls13, server.EnabledSslProtocols);
        foreach (SslProtocols version in (SslProtocols[])[SslProtocols.Tls12, SslProtocols.Tls13])
        {
            SslClientAuthenticationOptions client = certificates.ClientOptions("localhost");
            client.EnabledSslProtocols = version;
            Assert.Null((await ConnectAsync(certificates, ClientCertificateUse.None, client)).Refusal);
        }
    }

    [Fact]
    public void Files_that_change_are_read_as_a_set_and_others_are_not_read_again()
    {
        TestCertificate first = _authority.Issue(), second = _authority.Issue();
        CertificateFolder folder = Keep(new CertificateFolder(first, _authority.Pem));
        var certificates = new ProcessCertificates(new CertificateFiles(folder.Certificate, folder.Key, folder.Authorities), TimeProvider.System);
        CertificateSet set = certificates.Current;

        // The same contents in other files.
        folder.Replace(first, _authority.Pem);
        Assert.False(certificates.TryReload(out IReadOnlyList<FieldFault> faults));
        Assert.Empty(faults);
        Assert.Same(set, certificates.Current);

        folder.Replace(second, _authority.Pem);
        Assert.True(certificates.TryReload(out faults));
        Assert.Empty(faults);
        Assert.Equal(second.Thumbprint, certificates.Current.Own!.TargetCertificate.Thumbprint);
    }

    [Fact]
    public void A_pair_that_does_not_match_keeps_the_whole_set()
    {
        TestAuthority another = new("another");
        TestCertificate first = _authority.Issue(), second = another.Issue();
        CertificateFolder folder = Keep(new CertificateFolder(first, _authority.Pem));
        var certificates = new ProcessCertificates(new CertificateFiles(folder.Certificate, folder.Key, folder.Authorities), TimeProvider.System);
        CertificateSet set = certificates.Current;

        // The CAs are replaced too, and wait for the pair.
        folder.Replace(first with { Certificate = second.Certificate }, another.Pem);
        Assert.False(certificates.TryReload(out IReadOnlyList<FieldFault> faults));
        Assert.Equal("CertificateKeyFile", Assert.Single(faults).Field);
        Assert.Same(set, certificates.Current);

        folder.Replace(second, another.Pem);
        Assert.True(certificates.TryReload(out faults));
        Assert.Empty(faults);
        Assert.Equal(second.Thumbprint, certificates.Current.Own!.TargetCertificate.Thumbprint);
    }

    public void Dispose() => _files.ForEach(file => file.Dispose());

    private ProcessCertificates Open(TestCertificate own, TestAuthority authority)
    {
        CertificateFolder folder = Keep(new CertificateFolder(own, authority.Pem));
        return new ProcessCertificates(new CertificateFiles(folder.Certificate, folder.Key, folder.Authorities), TimeProvider.System);
    }

    private CertificateFolder Keep(CertificateFolder folder)
    {
        _files.Add(folder);
        return folder;
    }

    /// <summary>Makes a handshake, and returns why the client refused the server, and the thumbprint of the client's certificate.</summary>
    private static async Task<(string? Refusal, string? Client)> ConnectAsync(
        ProcessCertificates server, ClientCertificateUse use, SslClientAuthenticationOptions client)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var calling = new TcpClient();
        Task<TcpClient> accepting = listener.AcceptTcpClientAsync(Stop).AsTask();
        await calling.ConnectAsync((IPEndPoint)listener.LocalEndpoint, Stop);
        using TcpClient called = await accepting;
        await using var serverStream = new SslStream(called.GetStream());
        await using var clientStream = new SslStream(calling.GetStream());
        Task serving = serverStream.AuthenticateAsServerAsync(server.ServerOptions(use), Stop);
        try
        {
            await clientStream.AuthenticateAsClientAsync(client, Stop);
        }
        catch (AuthenticationException exception)
        {
            // A server of TLS 1.3 may have ended its part before.
            calling.Close();
            await serving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return (exception.Message, null);
        }
        await serving;
        return (null, serverStream.RemoteCertificate is X509Certificate2 certificate ? certificate.Thumbprint : null);
    }
}
