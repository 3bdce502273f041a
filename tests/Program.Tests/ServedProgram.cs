using System.Diagnostics;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Brownian.Testing.Certificates;
using Brownian.Testing.Events;

namespace Brownian.Program.Tests;

/// <summary><c>brownian serve</c> on free ports, without a data folder unless one is given, for a class of tests.</summary>
public sealed class ServedProgram : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);

    private readonly IReadOnlyList<string> _arguments;
    private readonly CertificateFolder? _certificates;
    private Process? _process;

    /// <summary>The program without further arguments.</summary>
    public ServedProgram()
        : this([])
    {
    }

    /// <summary>The program with further arguments.</summary>
    /// <param name="arguments">Further arguments.</param>
    /// <param name="data">Its data folder; null for none.</param>
    /// <param name="certificates">Its certificate; null for a server without TLS.</param>
    internal ServedProgram(IReadOnlyList<string> arguments, string? data = null, CertificateFolder? certificates = null) =>
        (_arguments, _certificates) = ([.. data is null ? (string[])["--ephemeral"] : ["--data", data], .. arguments], certificates);

    /// <summary>The token that operates its workers.</summary>
    public const string OperatorToken = "the-operators-of-tests";

    /// <summary>The gateway's gRPC address.</summary>
    public string Grpc { get; private set; } = "";

    /// <summary>The gateway's address of JSON and gRPC-Web.</summary>
    public string Json { get; private set; } = "";

    /// <summary>The gateway's gRPC address for operators.</summary>
    public string Operators { get; private set; } = "";

    /// <summary>The gateway's address of JSON and metrics for operators.</summary>
    public string OperatorsJson { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        // Another process may take a port that was free: then the program ends, and other ports are tried.
        for (int attempt = 0; attempt < 3 && !await TryStartAsync(); attempt++)
        {
        }
        Assert.True(_process is { HasExited: false }, "brownian serve did not start");
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }
        _process?.Dispose();
    }

    private async Task<bool> TryStartAsync()
    {
        (int http, int grpc, int operators, int operatorsHttp) = (FreePort.Find(), FreePort.Find(), FreePort.Find(), FreePort.Find());
        string scheme = _certificates is null ? "http" : "https";
        Operators = $"{scheme}://127.0.0.1:{operators.ToString(CultureInfo.InvariantCulture)}";
        Grpc = $"{scheme}://127.0.0.1:{grpc.ToString(CultureInfo.InvariantCulture)}";
        OperatorsJson = $"{scheme}://127.0.0.1:{operatorsHttp.ToString(CultureInfo.InvariantCulture)}";
        Json = $"{scheme}://127.0.0.1:{http.ToString(CultureInfo.InvariantCulture)}";
        _process?.Dispose();
        _process = BrownianProgram.Start(new ProgramRun
        {
            Arguments =
            [
                "serve", "--http-port", http.ToString(CultureInfo.InvariantCulture), "--grpc-port", grpc.ToString(CultureInfo.InvariantCulture),
                "--operator-http-port", operatorsHttp.ToString(CultureInfo.InvariantCulture), "--operator-grpc-port",
                operators.ToString(CultureInfo.InvariantCulture), .. _arguments,
            ],
            Environment = new Dictionary<string, string>
            {
                ["Platform__OperatorToken"] = OperatorToken,
                // The host of the pages, which no test reaches, and receivers of tests.
                ["Platform__CallbackHosts__0"] = "hooks.example.org",
                ["Platform__CallbackHosts__1"] = "127.0.0.1",
                ["Platform__CallbackPrivateAddresses"] = "true",
                ["Platform__CallbackSecrets__0"] = CallbackServer.Secret,
                ["Platform__CertificateFile"] = _certificates?.Certificate ?? "",
                ["Platform__CertificateKeyFile"] = _certificates?.Key ?? "",
            },
        });
        // No test reads its log, which must not fill the pipes.
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        using SocketsHttpHandler handler = new();
        if (_certificates is not null)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.ImportFromPemFile(_certificates.Authorities);
            handler.SslOptions.CertificateChainPolicy = policy;
        }
        using var client = new HttpClient(handler) { BaseAddress = new Uri(Json) };
        using var deadline = new CancellationTokenSource(Deadline);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        while (await timer.WaitForNextTickAsync(deadline.Token) && !_process.HasExited)
        {
            try
            {
                using HttpResponseMessage response = await client.GetAsync(new Uri("/health/ready", UriKind.Relative), deadline.Token);
                if (response.StatusCode == HttpStatusCode.OK && !_process.HasExited)
                {
                    return true;
                }
            }
            catch (HttpRequestException)
            {
                // It does not listen yet.
            }
        }
        return false;
    }
}
