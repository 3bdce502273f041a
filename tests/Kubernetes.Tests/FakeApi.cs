using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Brownian.Kubernetes.Tests;

/// <summary>An API server over TLS that only records patches of pods.</summary>
internal sealed class FakeApi : IAsyncDisposable
{
    private readonly Channel<Patch> _patches = Channel.CreateUnbounded<Patch>();
    private readonly X509Certificate2 _certificate = CreateCertificate();
    private readonly WebApplication _app;

    private FakeApi()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(
            kestrel => kestrel.Listen(IPAddress.Loopback, Port, listen => listen.UseHttps(_certificate)));
        _app = builder.Build();
        _app.MapMethods(
            "/api/v1/namespaces/{place}/pods/{pod}", ["PATCH"],
            async (string place, string pod, HttpRequest request) =>
            {
                using var reader = new StreamReader(request.Body);
                string body = await reader.ReadToEndAsync();
                await _patches.Writer.WriteAsync(new Patch(place, pod, request.ContentType, request.Headers.Authorization, body));
                return Body is not null ? Results.Text(Body, "application/json")
                    : Answer == HttpStatusCode.OK ? Results.Json(new { kind = "Pod", apiVersion = "v1" })
                    : Results.Text("pods \"" + pod + "\" is forbidden", statusCode: (int)Answer);
            });
    }

    /// <summary>The port on the loopback address.</summary>
    public int Port { get; } = FreePort.Find();

    /// <summary>What the following patches are answered with.</summary>
    public HttpStatusCode Answer { get; set; } = HttpStatusCode.OK;

    /// <summary>Another text than a pod in the answers; null for none.</summary>
    public string? Body { get; set; }

    /// <summary>The certificate that clients must trust, as PEM.</summary>
    public string Certificate => _certificate.ExportCertificatePem();

    /// <summary>The number of patches that <see cref="NextAsync"/> has not returned.</summary>
    public int Waiting => _patches.Reader.Count;

    public static async Task<FakeApi> StartAsync()
    {
        var api = new FakeApi();
        await api._app.StartAsync(TestContext.Current.CancellationToken);
        return api;
    }

    /// <summary>Waits for the next patch.</summary>
    public async Task<Patch> NextAsync()
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Eventually.Deadline);
        return await _patches.Reader.ReadAsync(deadline.Token);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _certificate.Dispose();
    }

    private static X509Certificate2 CreateCertificate()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=kubernetes", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    /// <summary>A recorded patch.</summary>
    internal sealed record Patch(string Namespace, string Pod, string? ContentType, string? Authorization, string Body);
}
