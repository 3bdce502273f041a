using System.Runtime.ExceptionServices;
using Brownian.Hosting.Certificates;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Wire;
using Grpc.Core;
using Grpc.Net.Client;
using Grpc.Net.Client.Balancer;
using Grpc.Net.Client.Configuration;

namespace Brownian.Gateway.Direct;

/// <summary>
/// The channels to workers, one for each role. <see cref="WorkerResolver"/> finds the workers of a channel, <see cref="LeastOutstandingBalancer"/>
/// picks one for a call, and the channel's retry policy repeats the call at another worker when that one is unavailable or full.
/// </summary>
/// <param name="catalog">The catalogue with the workers.</param>
/// <param name="clock">Measures the age of the catalogue's answer.</param>
/// <param name="certificates">The certificates of this gateway and the CAs of the workers' certificates.</param>
/// <param name="token">The token that workers accept from gateways; null for none.</param>
public sealed class WorkerPool(ICatalog catalog, TimeProvider clock, ProcessCertificates certificates, string? token = null) : IDisposable
{
    /// <summary>How long a worker may take to accept a connection or to answer a ping.</summary>
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, GrpcChannel> _channels = new(StringComparer.Ordinal);
    private readonly WorkerCalls _calls = new();

    /// <summary>
    /// Makes one call, at the least busy worker that serves a model. The channel repeats it until a worker has sent a message; each worker is tried
    /// once.
    /// </summary>
    /// <param name="role">The workers' role.</param>
    /// <param name="model">The model that the worker must serve; null for any.</param>
    /// <param name="call">Makes the call with the given headers.</param>
    /// <exception cref="RpcException">The last worker's answer; UNAVAILABLE when there is no worker.</exception>
    /// <exception cref="Jobs.PlatformUnavailableException">
    /// The catalogue cannot be reached, or a worker refuses the gateway's credentials.
    /// </exception>
    public async Task CallAsync(string role, string? model, Func<GrpcChannel, Metadata, Task> call)
    {
        using WorkerCall current = _calls.Begin(model);
        try
        {
            if (token is { Length: > 0 })
            {
                current.Headers.Add("authorization", "Bearer " + token);
            }
            await call(ChannelTo(role), current.Headers);
        }
        catch (RpcException exception) when (exception.StatusCode is StatusCode.Unauthenticated or StatusCode.PermissionDenied)
        {
            // The client's credentials were accepted; these are the gateway's.
            throw new Jobs.PlatformUnavailableException(
                Jobs.PlatformPart.Workers,
                $"a {role} refuses this gateway ({exception.Status.Detail}): set Platform:ServiceToken to the same value at gateways and workers, "
                    + "or give both certificates (docs/tls.md)",
                exception);
        }
        catch (RpcException) when (current.Error is { } error)
        {
            // Rethrows the complete error: the status with which the balancer ends a call contains only a code and a text.
            ExceptionDispatchInfo.Throw(error);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            foreach (GrpcChannel channel in _channels.Values)
            {
                channel.Dispose();
            }
        }
    }

    private GrpcChannel ChannelTo(string role)
    {
        lock (_lock)
        {
            if (!_channels.TryGetValue(role, out GrpcChannel? channel))
            {
                _channels[role] = channel = Open(role);
            }
            return channel;
        }
    }

    private GrpcChannel Open(string role)
    {
        var resolver = new WorkerResolver(role, catalog, clock);
        using ServiceProvider factories = new ServiceCollection()
            .AddSingleton<ResolverFactory>(new WorkerResolverFactory(resolver))
            .AddSingleton<LoadBalancerFactory>(new LeastOutstandingBalancerFactory(resolver, _calls))
            .BuildServiceProvider();
        return GrpcChannel.ForAddress($"{WorkerResolverFactory.Scheme}:///{role}", new GrpcChannelOptions
        {
            // WorkerCallHandler decides about TLS by the worker.
            Credentials = ChannelCredentials.Insecure,
            ServiceProvider = factories,
            ServiceConfig = new ServiceConfig
            {
                LoadBalancingConfigs = { new LoadBalancingConfig(LeastOutstandingBalancerFactory.Policy) },
                MethodConfigs =
                {
                    new MethodConfig
                    {
                        Names = { MethodName.Default },
                        RetryPolicy = new RetryPolicy
                        {
                            // The balancer ends a call once each worker was tried. No backoff is needed, because a retry uses another worker.
                            MaxAttempts = int.MaxValue,
                            InitialBackoff = TimeSpan.FromMilliseconds(1),
                            MaxBackoff = TimeSpan.FromMilliseconds(1),
                            BackoffMultiplier = 1,
                            RetryableStatusCodes = { StatusCode.Unavailable, StatusCode.ResourceExhausted },
                        },
                    },
                },
            },
            MaxRetryAttempts = null,
            // A request that exceeds a buffer would not be repeated. The message size limit bounds a call's buffer, and DirectService the number of
            // calls.
            MaxRetryBufferPerCallSize = null,
            MaxRetryBufferSize = null,
            MaxReceiveMessageSize = StageCodec.MaxMessageBytes,
            MaxSendMessageSize = StageCodec.MaxMessageBytes,
            // A worker that restarts at its address is used again soon.
            InitialReconnectBackoff = TimeSpan.FromMilliseconds(100),
            MaxReconnectBackoff = TimeSpan.FromSeconds(1),
            HttpHandler = new WorkerCallHandler(_calls)
            {
                InnerHandler = new SocketsHttpHandler
                {
                    // Pings detect a worker that vanished without closing its connections.
                    KeepAlivePingDelay = TimeSpan.FromSeconds(10),
                    KeepAlivePingTimeout = AnswerTime,
                    ConnectTimeout = AnswerTime,
                    EnableMultipleHttp2Connections = true,
                    SslOptions = certificates.LastingClientOptions(),
                    // Load balancing needs direct connections, and a proxy does not support HTTP/2 without TLS.
                    UseProxy = false,
                },
            },
            DisposeHttpClient = true,
        });
    }
}
