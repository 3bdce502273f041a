using System.Net;

namespace Brownian.Import.Hub;

/// <summary>The answer of a server, whose content is read in pieces.</summary>
/// <param name="message">The answer.</param>
/// <param name="linkedTag">The tag that the hub states for the file that it redirects to; null for none.</param>
internal sealed class HubResponse(HttpResponseMessage message, string? linkedTag) : IDisposable
{
    private Stream? _content;

    /// <summary>The answer.</summary>
    public HttpResponseMessage Message => message;

    /// <summary>Whether the content is that from the wanted byte on.</summary>
    public bool IsPart => message.StatusCode == HttpStatusCode.PartialContent;

    /// <summary>What identifies the file's content: the hub's tag, or the server's own; null for none.</summary>
    public string? Tag => linkedTag ?? OwnTag;

    /// <summary>The tag that the server itself compares; null where it is not the file's.</summary>
    public string? ComparedTag => linkedTag is null ? OwnTag : null;

    /// <summary>The length of the whole file; null when the server does not state it.</summary>
    public long? FileLength => IsPart ? message.Content.Headers.ContentRange?.Length : message.Content.Headers.ContentLength;

    private string? OwnTag => message.Headers.ETag?.ToString();

    /// <summary>Reads the next bytes.</summary>
    /// <param name="buffer">Receives the bytes.</param>
    /// <param name="cancellationToken">Stops the read.</param>
    /// <returns>Their number; 0 at the end.</returns>
    /// <exception cref="HubException">The connection is lost.</exception>
    public async Task<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        string host = message.RequestMessage!.RequestUri!.Host;
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        silence.CancelAfter(HubClient.MaxSilence);
        try
        {
            _content ??= await message.Content.ReadAsStreamAsync(silence.Token);
            return await _content.ReadAsync(buffer, silence.Token);
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException)
        {
            throw new HubException($"The connection to {host} was lost", inner: exception);
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new HubException($"{host} sends no more bytes", inner: exception);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => message.Dispose();
}
