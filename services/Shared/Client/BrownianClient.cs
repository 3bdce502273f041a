using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Security.Cryptography.X509Certificates;
using Brownian.V1;
using Google.Protobuf;
using Google.Rpc;
using Grpc.Core;
using Grpc.Net.Client;

namespace Brownian.Client;

/// <summary>
/// A client of one or several gateways of one installation. A job survives the loss of the gateway that streams it: the client resumes the stream
/// after the last event at the next gateway.
/// </summary>
public sealed class BrownianClient : IDisposable
{
    private readonly GrpcChannel[] _channels;
    private readonly GrpcChannel? _operators;
    private readonly TimeSpan _retryTimeout;
    private int _current;

    /// <summary>Creates a client of one gateway.</summary>
    /// <param name="address">A gateway's gRPC address, for example <c>http://localhost:5081</c>.</param>
    /// <param name="options">How to connect; null for the defaults.</param>
    public BrownianClient(string address, BrownianClientOptions? options = null)
        : this([address], options)
    {
    }

    /// <summary>Creates a client of several gateways, each of which can serve all jobs.</summary>
    /// <param name="addresses">The gateways' gRPC addresses.</param>
    /// <param name="options">How the client connects; null for the defaults.</param>
    public BrownianClient(IReadOnlyList<string> addresses, BrownianClientOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfZero(addresses.Count);
        options ??= new BrownianClientOptions();
        _channels = [.. addresses.Select(address => Open(address, options))];
        _operators = options.OperatorAddress is { } operators
            ? Open(operators, options.OperatorToken is { } token ? options with { Credentials = BrownianClientOptions.Fixed(token) } : options)
            : null;
        _retryTimeout = options.RetryTimeout ?? TimeSpan.FromSeconds(30);
    }

    /// <summary>The generated client of the current gateway, for every other call.</summary>
    public Generation.GenerationClient Generation => new(Channel);

    /// <summary>The client of the current gateway's models.</summary>
    public Models.ModelsClient Models => new(Channel);

    /// <summary>The client of the caller's own account.</summary>
    public Account.AccountClient Account => new(Channel);

    /// <summary>The client of the workers' interface, at the operators' port.</summary>
    /// <exception cref="InvalidOperationException">The client was created without an operators' address.</exception>
    public Workers.WorkersClient Workers => new(Operators);

    /// <summary>The client of keys, tenants, usage and the audit log, at the operators' port.</summary>
    /// <exception cref="InvalidOperationException">The client was created without an operators' address.</exception>
    public Access.AccessClient Access => new(Operators);

    private GrpcChannel Operators => _operators ?? throw new InvalidOperationException("the client was created without an operators' address");

    private GrpcChannel Channel => _channels[_current % _channels.Length];

    /// <summary>
    /// Submits a request and streams its events until it ends. Stopping the enumeration cancels the job, unless <see cref="GenerateRequest.Detach"/>
    /// is set.
    /// </summary>
    /// <param name="request">The request. A request without an idempotency key gets one, so that it can be sent again.</param>
    /// <param name="cancellationToken">Cancels the job too, unless it is detached.</param>
    /// <exception cref="RpcException">The gateway refused the request, or no gateway answered within the retry timeout.</exception>
    public async IAsyncEnumerable<JobEvent> GenerateAsync(
        GenerateRequest request, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        request = request.Clone();
        if (!request.HasIdempotencyKey && !request.Direct)
        {
            request.IdempotencyKey = Guid.NewGuid().ToString("n");
        }
        string? job = null;
        long last = 0;
        bool ended = false;
        long lost = 0;
        try
        {
            while (!ended)
            {
                using AsyncServerStreamingCall<JobEvent> call = job is null
                    ? Generation.Generate(request, cancellationToken: cancellationToken)
                    : Generation.Watch(new WatchJobRequest { Id = job, AfterEvent = last }, cancellationToken: cancellationToken);
                while (true)
                {
                    JobEvent? update = null;
                    try
                    {
                        if (!await call.ResponseStream.MoveNext(cancellationToken).ConfigureAwait(false))
                        {
                            yield break;
                        }
                        update = call.ResponseStream.Current;
                        lost = 0;
                    }
                    catch (RpcException exception) when (
                        !request.Direct && exception.StatusCode is StatusCode.Unavailable && !cancellationToken.IsCancellationRequested)
                    {
                        lost = lost == 0 ? Environment.TickCount64 : lost;
                        if (Environment.TickCount64 - lost > _retryTimeout.TotalMilliseconds)
                        {
                            throw;
                        }
                    }
                    if (update is null)
                    {
                        _current++;
                        await Task.Delay(TimeSpan.FromMilliseconds(100), cancellationToken).ConfigureAwait(false);
                        break;
                    }
                    // A snapshot after a change of gateways contains nothing new.
                    bool known = job is not null && update.EventCase == JobEvent.EventOneofCase.Snapshot;
                    job = update.JobId;
                    last = Math.Max(last, update.Id);
                    ended = update.EventCase is JobEvent.EventOneofCase.Done or JobEvent.EventOneofCase.Failed or JobEvent.EventOneofCase.Cancelled;
                    if (!known)
                    {
                        yield return update;
                    }
                    if (ended)
                    {
                        break;
                    }
                }
            }
        }
        finally
        {
            if (job is not null && !ended && !request.Detach && !request.Direct)
            {
                await TryCancelAsync(job).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Downloads an image's file.</summary>
    /// <param name="id">The artifact's id.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="RpcException">The image does not exist or has expired.</exception>
    public async Task<byte[]> GetArtifactAsync(string id, CancellationToken cancellationToken = default)
    {
        using AsyncServerStreamingCall<ArtifactChunk> call =
            Generation.GetArtifact(new GetArtifactRequest { Id = id }, cancellationToken: cancellationToken);
        using var bytes = new MemoryStream();
        await foreach (ArtifactChunk chunk in call.ResponseStream.ReadAllAsync(cancellationToken).ConfigureAwait(false))
        {
            chunk.Data.WriteTo(bytes);
        }
        return bytes.ToArray();
    }

    /// <summary>Uploads an image for use in requests.</summary>
    /// <param name="image">A PNG, JPEG, WebP or GIF file.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="RpcException">The file is not an image of these formats, or is too large.</exception>
    public async Task<UploadedImage> UploadAsync(Stream image, CancellationToken cancellationToken = default)
    {
        using AsyncClientStreamingCall<UploadChunk, UploadedImage> call = Generation.Upload(cancellationToken: cancellationToken);
        var buffer = new byte[64 << 10];
        int read;
        try
        {
            while ((read = await image.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
            {
                await call.RequestStream.WriteAsync(new UploadChunk { Data = ByteString.CopyFrom(buffer, 0, read) }, cancellationToken)
                    .ConfigureAwait(false);
            }
            await call.RequestStream.CompleteAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is RpcException or InvalidOperationException && !cancellationToken.IsCancellationRequested)
        {
            // The gateway refused the upload before it received all of it; its answer states the reason.
        }
        return await call.ResponseAsync.ConfigureAwait(false);
    }

    /// <summary>Returns the faults of a refused request, each with its field; empty for other kinds of errors.</summary>
    public static IReadOnlyList<(string Field, string Description)> FaultsOf(RpcException exception) =>
        [.. exception.GetRpcStatus()?.GetDetail<BadRequest>()?.FieldViolations.Select(violation => (violation.Field, violation.Description)) ?? []];

    /// <summary>Returns the time after which a refused call may be admitted; null when the server states none.</summary>
    /// <param name="exception">The server's answer.</param>
    public static TimeSpan? RetryAfterOf(RpcException exception) =>
        exception.GetRpcStatus()?.GetDetail<RetryInfo>()?.RetryDelay.ToTimeSpan();

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (GrpcChannel channel in _channels)
        {
            channel.Dispose();
        }
        _operators?.Dispose();
    }

    private static GrpcChannel Open(string address, BrownianClientOptions options) => GrpcChannel.ForAddress(
        address,
        new GrpcChannelOptions
        {
            HttpHandler = options.Credentials is { } credentials ? new CredentialsHandler(credentials, HandlerFor(options)) : HandlerFor(options),
            DisposeHttpClient = true,
        });

    /// <summary>Enables keep-alive pings, which detect a gateway that vanished without closing the connection.</summary>
    private static SocketsHttpHandler HandlerFor(BrownianClientOptions options) => new()
    {
        SslOptions = new SslClientAuthenticationOptions
        {
            CertificateChainPolicy = options.CertificateAuthorities is { } authorities ? PolicyFor(authorities) : null,
            ClientCertificates = options.ClientCertificate is { } certificate ? [certificate] : null,
        },
        KeepAlivePingDelay = TimeSpan.FromSeconds(10),
        KeepAlivePingTimeout = TimeSpan.FromSeconds(5),
        EnableMultipleHttp2Connections = true,
    };

    private static X509ChainPolicy PolicyFor(X509Certificate2Collection authorities)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(authorities);
        return policy;
    }

    private async Task TryCancelAsync(string job)
    {
        try
        {
            await Generation.CancelAsync(new CancelJobRequest { Id = job }, deadline: DateTime.UtcNow.AddSeconds(5)).ConfigureAwait(false);
        }
        catch (RpcException)
        {
            // The gateway cancels the job when it detects that the call has ended.
        }
    }
}
