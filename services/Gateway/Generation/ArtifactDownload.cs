using Brownian.Platform;
using Brownian.Platform.Jobs;

namespace Brownian.Gateway.Generation;

/// <summary>A picture's file as the body of an HTTP answer, for those who speak JSON.</summary>
internal static partial class ArtifactDownload
{
    /// <summary>Answers with the file; with 404 where there is none, and with 503 while a store is away.</summary>
    public static async Task<IResult> GetAsync(
        string id, JobDesk desk, ILogger<JobDesk> logger, HttpResponse response, CancellationToken cancellationToken)
    {
        try
        {
            return await desk.FindArtifactAsync(id, cancellationToken) is var (artifact, bytes)
                ? Results.Bytes(bytes, artifact.MediaType)
                : Results.NotFound();
        }
        catch (PlatformUnavailableException exception)
        {
            DownloadUnavailable(logger, id, exception.Details);
            response.Headers.RetryAfter = PlatformUnavailableException.RetryAfter.TotalSeconds.ToString("0", CultureInfo.InvariantCulture);
            return Results.Text(exception.Message, statusCode: StatusCodes.Status503ServiceUnavailable);
        }
    }

    [LoggerMessage(EventId = 101, EventName = "DownloadUnavailable", Level = LogLevel.Warning,
        Message = "Artifact {Id} cannot be sent now: {Details}")]
    private static partial void DownloadUnavailable(ILogger logger, string id, string details);
}
