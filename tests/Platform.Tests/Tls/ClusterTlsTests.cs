using System.Diagnostics;
using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Brownian.Client;
using Brownian.Gateway;
using Brownian.Hosting;
using Brownian.Hosting.Certificates;
using Brownian.Testing.Certificates;
using Brownian.V1;
using Brownian.Workers;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Web;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Brownian.Platform.Tests.Tls;

/// <summary>A gateway and workers whose ports speak TLS, over the real RabbitMQ and the real Redis.</summary>
public sealed class ClusterTlsTests(RealServers servers) : IDisposable
{
    private readonly Stubs _stubs = new();
    private readonly TestAuthority _authority = new();
    private readonly List<CertificateFolder> _folders = [];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_job_and_a_direct_call_over_TLS_give_the_bytes_of_a_run_without_it()
    {
        string model = _stubs.Add();
        await using Node workers = await StartWorkersAsync(model, Files().Settings);
        await using Node gateway = await StartGatewayAsync(model, Files().Settings);
        GenerateRequest request = Stubs.Request(model, 9);
        byte[] expected = (await _stubs.ExpectedAsync(request))[0];

        Assert.StartsWith("https://", workers.GrpcAddress, StringComparison.Ordinal);
        byte[] job = await ImageAsync(gateway.Client, request);
        request.Direct = true;
        byte[] direct = await ImageAsync(gateway.Client, request);

        Assert.Equal(expected, job);
        Assert.Equal(expected, direct);
    }

    [Fact]
    public async Task Workers_that_require_credentials_admit_gateways_by_their_certificates()
    {
        string model = _stubs.Add();
        await using Node workers = await StartWorkersAsync(model, [.. Files().Settings, "Authentication=required"]);
        await using Node gateway = await StartGatewayAsync(model, [.. Files().Settings, .. Node.Secured]);
        GenerateRequest request = Stubs.Request(model, 9);
        request.Direct = true;

        Assert.Equal((await _stubs.ExpectedAsync(request))[0], await ImageAsync(gateway.Client, request));
        // Their ports for operators need a token, which no certificate of a service replaces.
        Assert.Equal(HttpStatusCode.Unauthorized, (await workers.Operators.GetAsync("/metrics", Stop)).StatusCode);
    }

    [Fact]
    public async Task The_holder_of_a_named_certificate_is_an_operator_at_the_operators_ports()
    {
        await using Node node = await Node.StartAsync(
            Node.Everything, ServiceRole.Gateway,
            [
                .. _stubs.Settings(_stubs.Add()), "Ephemeral=true", .. Files().Settings, .. Node.Secured, "OperatorCertificates:0=ops.example.org",
            ]);
        foreach ((string? name, bool isOperator) in ((string?, bool)[])[("ops.example.org", true), ("other.example.org", false), (null, false)])
        {
            using X509Certificate2? certificate = name is null ? null : _authority.Issue([name], [TestCertificate.ClientUse]).Load();
            using var client = new BrownianClient(
                node.GrpcAddress,
                new BrownianClientOptions
                {
                    CertificateAuthorities = _authority.Trusted,
                    ClientCertificate = certificate,
                    OperatorAddress = node.OperatorAddress,
                });
            using var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, _, _, _) => true };
            if (certificate is not null)
            {
                handler.ClientCertificates.Add(certificate);
            }
            using var http = new HttpClient(handler) { BaseAddress = node.Operators.BaseAddress };

            Assert.Equal(isOperator ? HttpStatusCode.OK : HttpStatusCode.Unauthorized, (await http.GetAsync("/metrics", Stop)).StatusCode);
            Assert.Equal(
                isOperator ? StatusCode.OK : StatusCode.Unauthenticated,
                await CodeAsync(client.Workers.ListAsync(new ListWorkersRequest(), cancellationToken: Stop)));
            Assert.Equal(
                isOperator ? StatusCode.PermissionDenied : StatusCode.Unauthenticated,
                await CodeAsync(client.Access.ListKeysAsync(new ListKeysRequest(), cancellationToken: Stop)));
            // A certificate is no credential of a client.
            Assert.Equal(
                StatusCode.Unauthenticated, await CodeAsync(client.Models.ListAsync(new ListModelsRequest(), cancellationToken: Stop)));
        }

        static async Task<StatusCode> CodeAsync<T>(AsyncUnaryCall<T> call)
        {
            try
            {
                await call;
                return StatusCode.OK;
            }
            catch (RpcException refused)
            {
                return refused.StatusCode;
            }
        }
    }

    [Fact]
    public async Task The_JSON_interface_and_health_answer_over_https_alone()
    {
        string model = _stubs.Add();
        await using Node node = await Node.StartAsync(
            Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(model), "Ephemeral=true", .. Files().Settings]);
        byte[] image = await ImageAsync(node.Client, Stubs.Request(model, 9));

        Assert.Equal("https", node.Http.BaseAddress!.Scheme);
        Assert.Equal(HttpStatusCode.OK, (await node.Http.GetAsync("/health/ready", Stop)).StatusCode);
        string jobs = await node.Http.GetStringAsync("/v1/jobs", Stop);
        string id = System.Text.Json.Nodes.JsonNode.Parse(jobs)!["jobs"]![0]!["artifacts"]![0]!["id"]!.GetValue<string>();
        Assert.Equal(image, await node.Http.GetByteArrayAsync("/v1/artifacts/" + id, Stop));
        using var plain = new HttpClient();
        await Assert.ThrowsAsync<HttpRequestException>(
            () => plain.GetAsync(new UriBuilder(node.Http.BaseAddress) { Scheme = "http", Path = "/health/live" }.Uri, Stop));
        using var untrusting = new HttpClient();
        HttpRequestException refused =
            await Assert.ThrowsAsync<HttpRequestException>(() => untrusting.GetAsync(new Uri(node.Http.BaseAddress, "/health/live"), Stop));
        Assert.IsType<AuthenticationException>(refused.InnerException);
    }

    [Theory]
    [InlineData("Gateway")]
    [InlineData("Cli")]
    public async Task The_containers_health_check_queries_a_process_with_TLS(string project)
    {
        string model = _stubs.Add();
        CertificateFolder files = Files();
        int port;
        await using (Node node = await Node.StartAsync(
            Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(model), "Ephemeral=true", .. files.Settings]))
        {
            port = node.Http.BaseAddress!.Port;
            Assert.Equal((0, ""), await CheckAsync(project, port, files));
            await node.Client.Workers.DrainAsync(
                new WorkerRequest { Id = node.Services.GetServices<StageWorker>().First().Id }, cancellationToken: Stop);
            await Eventually.TrueAsync(
                async () => await CheckAsync(project, port, files) is (1, { } problem) && problem.Contains("is draining", StringComparison.Ordinal),
                "a service that drains is not ready");
        }
        Assert.Equal(1, (await CheckAsync(project, port, files)).ExitCode);

        // As in an image: the programs of the project are in the current folder.
        static async Task<(int ExitCode, string Problem)> CheckAsync(string project, int port, CertificateFolder files)
        {
            using Process check = Process.Start(
                new ProcessStartInfo(Repository.Combine("deploy", "docker", "health"))
                {
                    RedirectStandardError = true,
                    WorkingDirectory = Repository.Combine("artifacts", "bin", project, "release"),
                    Environment =
                    {
                        ["Platform__HttpPort"] = port.ToString(CultureInfo.InvariantCulture),
                        ["Platform__CertificateFile"] = files.Certificate,
                        ["Platform__CertificateKeyFile"] = files.Key,
                    },
                })!;
            string problem = await check.StandardError.ReadToEndAsync(Stop);
            await check.WaitForExitAsync(Stop);
            return (check.ExitCode, problem);
        }
    }

    [Fact]
    public async Task A_process_with_a_gateway_and_workers_requires_no_certificate_of_its_clients()
    {
        await using Node node = await Node.StartAsync(
            Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(_stubs.Add()), "Ephemeral=true", .. Files().Settings]);

        Assert.NotNull(await Handshake.TryAsync(node.GrpcAddress));
    }

    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task A_worker_refuses_clients_without_a_valid_certificate_of_its_CA_in_the_handshake(SslProtocols protocol)
    {
        await using Node worker = await StartWorkersAsync(_stubs.Add(), Files().Settings);
        var foreign = new TestAuthority("tests");

        Assert.Null(await Handshake.TryAsync(worker.GrpcAddress, null, protocol));
        Assert.Null(await TryAsync(_authority.Issue(from: -9, to: -1)));
        Assert.Null(await TryAsync(_authority.Issue(from: 1, to: 9)));
        Assert.Null(await TryAsync(foreign.Issue()));
        Assert.Null(await TryAsync(_authority.Issue(uses: [TestCertificate.ServerUse])));
        Assert.NotNull(await TryAsync(_authority.Issue(uses: [TestCertificate.ClientUse])));
        Assert.NotNull(await TryAsync(_authority.Issue(uses: [])));

        async Task<string?> TryAsync(TestCertificate certificate)
        {
            using X509Certificate2 loaded = certificate.Load();
            return await Handshake.TryAsync(worker.GrpcAddress, loaded, protocol);
        }
    }

    [Fact]
    public async Task A_client_with_a_certificate_calls_a_worker_and_the_HTTP_port_opens_no_way_around_it()
    {
        await using Node worker = await StartWorkersAsync(_stubs.Add(), Files().Settings);
        using X509Certificate2 certificate = _authority.Issue().Load();
        using var with = new BrownianClient(
            worker.GrpcAddress, new BrownianClientOptions { CertificateAuthorities = _authority.Trusted, ClientCertificate = certificate });
        using var without = new BrownianClient(worker.GrpcAddress, new BrownianClientOptions { CertificateAuthorities = _authority.Trusted });

        // A worker does not have this service, and says so to a client that it lets in.
        Assert.Equal(StatusCode.Unimplemented, await AskAsync(with));
        Assert.NotEqual(StatusCode.Unimplemented, await AskAsync(without));
        Assert.Equal(HttpStatusCode.OK, (await worker.Http.GetAsync("/health/ready", Stop)).StatusCode);
        Assert.NotEqual(StatusCode.InvalidArgument, await RunByWebAsync(worker));
        // The same call is answered by a worker without TLS.
        await using Node open = await StartWorkersAsync(_stubs.Add(), []);
        Assert.Equal(StatusCode.InvalidArgument, await RunByWebAsync(open));

        static async Task<StatusCode> AskAsync(BrownianClient client) => (await Assert.ThrowsAsync<RpcException>(
            async () => await client.Generation.GetAsync(new GetJobRequest(), cancellationToken: Stop))).StatusCode;
    }

    [Fact]
    public async Task A_gateway_with_TLS_calls_workers_with_and_without_it()
    {
        string first = _stubs.Add(), second = _stubs.Add();
        await using Node plain = await StartWorkersAsync(first, []);
        await using Node secure = await StartWorkersAsync(second, Files().Settings);
        await using Node gateway = await StartGatewayAsync(first, Files().Settings);

        Assert.StartsWith("http://", plain.GrpcAddress, StringComparison.Ordinal);
        foreach (string model in (string[])[first, second, first])
        {
            GenerateRequest request = Stubs.Request(model, 9);
            byte[] expected = (await _stubs.ExpectedAsync(request))[0];
            request.Direct = true;
            Assert.Equal(expected, await ImageAsync(gateway.Client, request));
        }
    }

    [Fact]
    public async Task A_gateway_without_TLS_makes_jobs_with_workers_that_require_certificates_and_no_direct_calls()
    {
        string model = _stubs.Add();
        await using Node workers = await StartWorkersAsync(model, Files().Settings);
        await using Node gateway = await StartGatewayAsync(model, []);
        GenerateRequest request = Stubs.Request(model, 9);

        Assert.Equal((await _stubs.ExpectedAsync(request))[0], await ImageAsync(gateway.Client, request));
        request.Direct = true;
        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => ImageAsync(gateway.Client, request));
        Assert.Equal(StatusCode.Unavailable, refused.StatusCode);
    }

    [Fact]
    public async Task A_gateway_verifies_the_name_in_a_workers_certificate()
    {
        string model = _stubs.Add();
        CertificateFolder files = Files(names: ["denoiser.example.org"]);
        var lines = new LogLines();
        await using Node gateway = await StartGatewayAsync(model, Files().Settings, lines);
        GenerateRequest request = Stubs.Request(model, 9);
        byte[] expected = (await _stubs.ExpectedAsync(request))[0];
        request.Direct = true;

        await using (Node wrong = await StartWorkersAsync(model, files.Settings))
        {
            RpcException refused = await Assert.ThrowsAsync<RpcException>(() => ImageAsync(gateway.Client, request));
            Assert.Equal(StatusCode.Unavailable, refused.StatusCode);
            const string Reason = "the certificate of 127.0.0.1 is for another name: denoiser.example.org";
            Assert.Contains(lines.Lines, line => line.Text.Contains(Reason, StringComparison.Ordinal));
        }
        await using Node right = await StartWorkersAsync(model, [.. files.Settings, "AdvertiseName=denoiser.example.org"]);
        Assert.Equal(expected, await ImageAsync(gateway.Client, request));
    }

    [Fact]
    public async Task A_gateway_passes_over_a_worker_whose_certificate_is_of_another_CA()
    {
        string model = _stubs.Add();
        var foreign = new TestAuthority("foreign");
        using var foreignFiles = new CertificateFolder(foreign.Issue(), _authority.Pem);
        await using Node wrong = await StartWorkersAsync(model, foreignFiles.Settings);
        await using Node right = await StartWorkersAsync(model, Files().Settings);
        await using Node gateway = await StartGatewayAsync(model, Files().Settings);
        GenerateRequest request = Stubs.Request(model, 9);
        byte[] expected = (await _stubs.ExpectedAsync(request))[0];
        request.Direct = true;

        // Workers are picked in turn, so that one of two calls begins at the wrong one.
        Assert.Equal(expected, await ImageAsync(gateway.Client, request));
        Assert.Equal(expected, await ImageAsync(gateway.Client, request));
    }

    [Fact]
    public async Task Certificates_and_CAs_are_replaced_twice_under_load_without_a_failed_call()
    {
        string model = _stubs.Add();
        CertificateFolder workerFiles = Files(), gatewayFiles = Files();
        await using Node workers = await StartWorkersAsync(model, [.. workerFiles.Settings, "QueuedCalls=1000"]);
        await using Node gateway = await StartGatewayAsync(model, gatewayFiles.Settings);
        GenerateRequest request = Stubs.Request(model, 9);
        byte[] expected = (await _stubs.ExpectedAsync(request))[0];
        request.Direct = true;
        TestAuthority second = new("second"), third = new("third");
        // Clients of the gateway trust all CAs, as its operators have told them before.
        X509Certificate2Collection trusted = [.. _authority.Trusted, .. second.Trusted, .. third.Trusted];
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        long[] calls = new long[4];
        // What the gateway connects to workers with; each call needs another connection.
        using var handler = new SocketsHttpHandler
        {
            SslOptions = gateway.Services.GetRequiredService<ProcessCertificates>().LastingClientOptions(),
            PooledConnectionLifetime = TimeSpan.FromMilliseconds(1),
        };
        using var channel = GrpcChannel.ForAddress(workers.GrpcAddress, new GrpcChannelOptions { HttpHandler = handler });
        Task[] load =
        [
            // Each call has connections of its own, at both ports.
            LoopAsync(0, async () =>
            {
                using var client = new BrownianClient(gateway.GrpcAddress, new BrownianClientOptions { CertificateAuthorities = trusted });
                Assert.Equal(expected, await ImageAsync(client, request));
            }),
            LoopAsync(1, async () =>
            {
                using var client = new HttpClient(Node.HandlerFor(trusted)) { BaseAddress = gateway.Http.BaseAddress };
                Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/health/ready", Stop)).StatusCode);
            }),
            // A connection that was made before.
            LoopAsync(2, async () => Assert.Equal(expected, await ImageAsync(gateway.Client, request))),
            LoopAsync(3, async () => Assert.Equal(StatusCode.InvalidArgument, await RunAsync(channel))),
        ];

        TestAuthority old = _authority;
        foreach (TestAuthority next in (TestAuthority[])[second, third])
        {
            // First every process trusts both CAs, then they get certificates of the new one, then the old CA goes.
            await ReplaceAsync(old, old.Pem, next.Pem);
            await ReplaceAsync(next, old.Pem, next.Pem);
            await ReplaceAsync(next, next.Pem);
            using X509Certificate2 formerly = old.Issue().Load(), newly = next.Issue().Load();
            await Eventually.TrueAsync(async () => await Handshake.TryAsync(workers.GrpcAddress, formerly) is null, "the old CA is refused");
            Assert.NotNull(await Handshake.TryAsync(workers.GrpcAddress, newly));
            old = next;
        }
        await PassAsync();
        await end.CancelAsync();
        await Task.WhenAll(load);
        Assert.All(calls, count => Assert.True(count > 6, $"{string.Join(", ", calls)} calls"));

        async Task LoopAsync(int which, Func<Task> call)
        {
            while (!end.IsCancellationRequested)
            {
                await call();
                Interlocked.Increment(ref calls[which]);
            }
        }

        // Replaces the files of both processes, and waits until both use them and every kind of call was made with them.
        async Task ReplaceAsync(TestAuthority issuer, params string[] authorities)
        {
            TestCertificate forWorkers = issuer.Issue(), forGateway = issuer.Issue();
            using X509Certificate2 client = issuer.Issue().Load();
            workerFiles.Replace(forWorkers, authorities);
            gatewayFiles.Replace(forGateway, authorities);
            await Eventually.TrueAsync(
                async () => await Handshake.TryAsync(workers.GrpcAddress, client) == forWorkers.Thumbprint
                    && await Handshake.TryAsync(gateway.GrpcAddress) == forGateway.Thumbprint,
                "new connections have the new certificates");
            await PassAsync();
        }

        async Task PassAsync()
        {
            long[] before = [.. calls.Select((_, i) => Interlocked.Read(ref calls[i]))];
            await Eventually.TrueAsync(
                () =>
                {
                    Assert.DoesNotContain(load, task => task.IsFaulted);
                    return Task.FromResult(before.Select((count, i) => Interlocked.Read(ref calls[i]) > count + 1).All(passed => passed));
                },
                "calls of every kind");
        }
    }

    public void Dispose()
    {
        _folders.ForEach(folder => folder.Dispose());
        _stubs.Dispose();
    }

    private static async Task<byte[]> ImageAsync(BrownianClient client, GenerateRequest request)
    {
        Artifact? artifact = null;
        await foreach (JobEvent item in client.GenerateAsync(request, Stop))
        {
            artifact = item.Artifact ?? artifact;
        }
        return await client.GetArtifactAsync(artifact!.Id, Stop);
    }

    /// <summary>Calls a stage service by gRPC-Web at the HTTP port.</summary>
    private async Task<StatusCode> RunByWebAsync(Node worker)
    {
        var handler = new GrpcWebHandler(GrpcWebMode.GrpcWeb, Node.HandlerFor(_authority.Trusted));
        using var channel = GrpcChannel.ForAddress(
            worker.Http.BaseAddress!, new GrpcChannelOptions { HttpHandler = handler, HttpVersion = HttpVersion.Version11 });
        return await RunAsync(channel);
    }

    /// <summary>Calls a stage service with an invalid request.</summary>
    private static async Task<StatusCode> RunAsync(GrpcChannel channel)
    {
        using AsyncServerStreamingCall<StageEvent> call = new Stages.StagesClient(channel).Run(new RunStageRequest(), cancellationToken: Stop);
        return (await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(Stop))).StatusCode;
    }

    private CertificateFolder Files(string[]? names = null)
    {
        var folder = new CertificateFolder(_authority.Issue(names), _authority.Pem);
        _folders.Add(folder);
        return folder;
    }

    private async Task<Node> StartWorkersAsync(string model, string[] settings) => await Node.StartAsync(
        Node.Workers, ServiceRole.Denoiser, [.. _stubs.Settings(model), .. await servers.SettingsAsync(), .. settings]);

    private async Task<Node> StartGatewayAsync(string model, string[] settings, LogLines? lines = null) => await Node.StartAsync(
        platform =>
        {
            platform.AddGateway();
            if (lines is not null)
            {
                platform.Web.Logging.AddProvider(lines);
            }
        },
        ServiceRole.Gateway, [.. _stubs.Settings(model), .. await servers.SettingsAsync(), .. settings]);
}
