using System.Net.Http.Headers;

namespace Brownian.Client;

/// <summary>Adds the credentials to each call, also to one that is sent again.</summary>
/// <param name="credentials">Returns the credentials.</param>
/// <param name="inner">Sends the call.</param>
internal sealed class CredentialsHandler(Func<CancellationToken, ValueTask<string?>> credentials, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    /// <inheritdoc/>
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (await credentials(cancellationToken).ConfigureAwait(false) is { Length: > 0 } key)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }
        return await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
    }
}
