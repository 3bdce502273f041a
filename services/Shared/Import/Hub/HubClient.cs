using System.Net;
using System.Net.Http.Headers;
using Brownian.Formats.Files;

namespace Brownian.Import.Hub;

/// <summary>
/// Requests to a hub that has Hugging Face's interface, and to the servers that it redirects to. The token is sent to the hub alone. The names of
/// paths and headers are those of huggingface_hub (<c>hf_api.py</c>, <c>file_download.py</c>, <c>utils/_http.py</c>).
/// </summary>
public sealed class HubClient : IDisposable
{
    /// <summary>The longest description of a repository that is read, in bytes.</summary>
    public const int MaxDescriptionLength = 32 << 20;

    private const int MaxRedirects = 10;

    private readonly HttpClient _client;
    private readonly string? _token;

    /// <param name="hub">The hub's address: <see cref="HubAddress.ParseHub"/>.</param>
    /// <param name="token">The token of a user; null for none.</param>
    public HubClient(Uri hub, string? token)
    {
        Hub = hub;
        _token = string.IsNullOrWhiteSpace(token) ? null : token.Trim();
        _client = new HttpClient(new SocketsHttpHandler
        {
            // By hand, because the token must not follow to another server.
            AllowAutoRedirect = false,
            UseCookies = false,
            Proxy = new LoopbackBypass(HttpClient.DefaultProxy),
            ConnectTimeout = MaxSilence,
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    /// <summary>The hub's address.</summary>
    public Uri Hub { get; }

    /// <summary>The longest time without a byte, after which a connection counts as lost.</summary>
    internal static TimeSpan MaxSilence { get; } = TimeSpan.FromSeconds(60);

    /// <summary>Returns the address of a repository's page.</summary>
    internal string PageOf(string repository) => $"{Hub.GetLeftPart(UriPartial.Authority)}{HubAddress.PathOf(Hub)}{repository}";

    /// <summary>Returns the address of a file at a commit.</summary>
    internal Uri UrlOf(string repository, string commit, string path) =>
        new($"{PageOf(repository)}/resolve/{commit}/{string.Join('/', path.Split('/').Select(Uri.EscapeDataString))}");

    /// <summary>Asks the hub for the description of a repository at a revision.</summary>
    /// <param name="repository">The repository.</param>
    /// <param name="revision">The revision.</param>
    /// <param name="cancellationToken">Stops the request.</param>
    /// <returns>The answer in JSON.</returns>
    /// <exception cref="ModelException">There is no such repository or revision, or its description cannot be read.</exception>
    /// <exception cref="HubException">The request failed in a way that can pass.</exception>
    internal async Task<byte[]> DescribeAsync(string repository, string revision, CancellationToken cancellationToken)
    {
        string root = $"{Hub.GetLeftPart(UriPartial.Authority)}{HubAddress.PathOf(Hub)}";
        var url = new Uri($"{root}api/models/{repository}/revision/{Uri.EscapeDataString(revision)}?blobs=true");
        using HubResponse response = await SendAsync(url, null, null, cancellationToken);
        if (!response.Message.IsSuccessStatusCode)
        {
            throw Refusal(response.Message, repository, $"{repository} has no revision {revision}");
        }
        using var answer = new MemoryStream();
        byte[] buffer = new byte[1 << 16];
        while (await response.ReadAsync(buffer, cancellationToken) is > 0 and int read)
        {
            answer.Write(buffer, 0, read);
            if (answer.Length > MaxDescriptionLength)
            {
                throw new ModelException(
                    $"The hub's description of {repository} is longer than {MaxDescriptionLength >> 20} MB: check that BROWNIAN_HUB is a hub's "
                        + "address");
            }
        }
        return answer.ToArray();
    }

    /// <summary>Sends a request, and follows redirects.</summary>
    /// <param name="url">The address.</param>
    /// <param name="from">The first byte of the file that is wanted; null for all.</param>
    /// <param name="ifRange">The tag that the whole file must still have; null for any.</param>
    /// <param name="cancellationToken">Stops the request.</param>
    /// <returns>The answer of the last server, without its content. It may be a refusal.</returns>
    /// <exception cref="ModelException">A redirect leads to an address that is not read.</exception>
    /// <exception cref="HubException">The request failed in a way that can pass.</exception>
    internal async Task<HubResponse> SendAsync(Uri url, long? from, string? ifRange, CancellationToken cancellationToken)
    {
        string? linked = null;
        for (int redirects = 0; redirects <= MaxRedirects; redirects++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            request.Headers.UserAgent.Add(new ProductInfoHeaderValue("brownian", typeof(HubClient).Assembly.GetName().Version!.ToString(3)));
            // A compressed answer has other lengths and ranges than the file.
            request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
            request.Headers.Range = from is { } first ? new RangeHeaderValue(first, null) : null;
            if (ifRange is not null && EntityTagHeaderValue.TryParse(ifRange, out EntityTagHeaderValue? tag) && !tag.IsWeak)
            {
                request.Headers.IfRange = new RangeConditionHeaderValue(tag);
            }
            if (_token is not null && HubAddress.IsAt(url, Hub))
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _token);
            }
            HttpResponseMessage message = await SendAsync(request, cancellationToken);
            linked ??= message.Headers.TryGetValues("X-Linked-Etag", out IEnumerable<string>? tags) ? tags.FirstOrDefault() : null;
            if (IsRedirect(message.StatusCode) && message.Headers.Location is { } location)
            {
                message.Dispose();
                var next = new Uri(url, location);
                if (!HubAddress.IsAllowed(next) || (next.Scheme == Uri.UriSchemeHttp && url.Scheme != Uri.UriSchemeHttp))
                {
                    throw new ModelException(
                        $"{Place(url)} redirects to {Place(next)}, which is not followed: allowed are https addresses without a password");
                }
                url = next;
                continue;
            }
            if (IsPassing(message.StatusCode))
            {
                using (message)
                {
                    throw new HubException($"{Place(url)} answered {Status(message)}", RetryAfter(message));
                }
            }
            return new HubResponse(message, linked);
        }
        throw new ModelException($"{Place(url)} redirects more than {MaxRedirects} times");
    }

    /// <summary>Returns the error of a refusal.</summary>
    /// <param name="message">The answer.</param>
    /// <param name="repository">The repository; null for a file that is on no hub.</param>
    /// <param name="missing">The message for what is named in the repository and is not there.</param>
    internal ModelException Refusal(HttpResponseMessage message, string? repository, string missing)
    {
        string code = Header(message, "X-Error-Code"), text = Header(message, "X-Error-Message");
        Uri url = message.RequestMessage!.RequestUri!;
        return new ModelException((message.StatusCode, code) switch
        {
            _ when repository is null => message.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Gone ? missing
                : $"{Place(url)} answered {Status(message)}",
            (HttpStatusCode.Unauthorized, _) when text.StartsWith("Invalid", StringComparison.Ordinal) && _token is not null =>
                "The hub refuses the token of BROWNIAN_HUB_TOKEN (or HF_TOKEN): replace it, or remove it for repositories that all can read",
            (_, "GatedRepo") or (HttpStatusCode.Forbidden, _) =>
                $"{repository} is gated: accept its licence on {PageOf(repository)}, and set BROWNIAN_HUB_TOKEN to a token that may read it"
                    + (_token is null ? "" : "; the one that is set may not"),
            (_, "RepoNotFound") or (HttpStatusCode.Unauthorized, _) =>
                $"There is no repository {repository} at {Place(Hub)}, or it is private or gated: check the name, or set BROWNIAN_HUB_TOKEN to a "
                    + "token that may read it",
            (_, "RevisionNotFound") or (_, "EntryNotFound") => missing,
            (HttpStatusCode.NotFound, _) => $"There is no repository {repository} at {Place(Hub)}, or {missing}",
            _ => $"{Place(url)} answered {Status(message)}",
        });
    }

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    /// <summary>Returns a URL without its query, which can contain a secret.</summary>
    private static string Place(Uri url) => url.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);

    private static string Status(HttpResponseMessage message) => string.Create(CultureInfo.InvariantCulture, $"{(int)message.StatusCode}")
        + (message.StatusCode == HttpStatusCode.TooManyRequests ? " (too many requests)" : $" ({message.StatusCode})");

    private static string Header(HttpResponseMessage message, string name) =>
        message.Headers.TryGetValues(name, out IEnumerable<string>? values) ? values.FirstOrDefault() ?? "" : "";

    private static bool IsRedirect(HttpStatusCode status) => status is HttpStatusCode.MovedPermanently or HttpStatusCode.Found
        or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect;

    private static bool IsPassing(HttpStatusCode status) =>
        (int)status >= 500 || status is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout;

    /// <summary>Returns the time that a server asks to wait. A date is compared with the server's own clock.</summary>
    private static TimeSpan? RetryAfter(HttpResponseMessage message)
    {
        TimeSpan? wait = message.Headers.RetryAfter switch
        {
            { Delta: { } seconds } => seconds,
            { Date: { } until } when message.Headers.Date is { } now => until - now,
            _ => null,
        };
        return wait < TimeSpan.Zero ? TimeSpan.Zero : wait;
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        silence.CancelAfter(MaxSilence);
        try
        {
            return await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, silence.Token);
        }
        catch (HttpRequestException exception)
        {
            throw new HubException($"{Place(request.RequestUri!)} cannot be reached: {exception.Message}", inner: exception);
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new HubException($"{Place(request.RequestUri!)} did not answer", inner: exception);
        }
    }
}
