using System.Security.Authentication;
using Grpc.Core;

namespace Brownian.Gateway.Direct;

/// <summary>
/// Observes each attempt of a call at its worker. The trackers of Grpc.Net.Client's pickers end with the response's headers at the latest, but a call
/// occupies its worker until the last message.
/// </summary>
/// <param name="calls">The current calls.</param>
internal sealed class WorkerCallHandler(WorkerCalls calls) : DelegatingHandler
{
    private const string StatusHeader = "grpc-status", MessageHeader = "grpc-message", DetailsHeader = "grpc-status-details-bin";

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        WorkerCall? call = calls.Take(request);
        if (call?.Send() is { IsTls: true } worker)
        {
            // The scheme of a channel is that of all its workers, but a cluster that changes to TLS has workers of both kinds.
            request.RequestUri = new UriBuilder(request.RequestUri!) { Scheme = Uri.UriSchemeHttps }.Uri;
            // .NET takes the name of the certificate from this header.
            request.Headers.Host = worker.ServerName;
        }
        try
        {
            HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
            if (RefusalIn(response) is { } refusal)
            {
                call?.Fail(refusal);
            }
            return response;
        }
        catch (Exception exception)
        {
            var untrusted = exception.InnerException as AuthenticationException;
            string reason = (untrusted ?? exception).Message;
            call?.Fail(new RpcException(new Status(StatusCode.Unavailable, reason, exception)));
            if (untrusted is not null)
            {
                // gRPC repeats a call after failures of connections, and not after a failed handshake.
                throw new HttpRequestException(reason, new IOException(reason, exception));
            }
            throw;
        }
    }

    /// <summary>Returns the error of a worker that ended the attempt without a message, in which case the headers are the trailers.</summary>
    private static RpcException? RefusalIn(HttpResponseMessage response)
    {
        if (!int.TryParse(Header(StatusHeader), NumberStyles.None, CultureInfo.InvariantCulture, out int code))
        {
            return null;
        }
        var trailers = new Metadata();
        if (Header(DetailsHeader) is { } details)
        {
            // gRPC omits the padding.
            trailers.Add(DetailsHeader, Convert.FromBase64String(details.PadRight((details.Length + 3) / 4 * 4, '=')));
        }
        return new RpcException(new Status((StatusCode)code, Uri.UnescapeDataString(Header(MessageHeader) ?? "")), trailers);

        string? Header(string name) => response.Headers.NonValidated.TryGetValues(name, out var values) ? values.ToString() : null;
    }
}
