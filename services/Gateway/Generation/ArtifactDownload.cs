using Brownian.Gateway.Requests;
using Brownian.Jobs;
using Brownian.Jobs.Services;
using Grpc.Core;

namespace Brownian.Gateway.Generation;

/// <summary>Serves an image's file as the body of an HTTP response, for JSON clients.</summary>
internal static partial class ArtifactDownload
{
    /// <summary>
    /// Responds with the file; with 404 when it does not exist, with 400 for query parameters, and with 503 while a store is unavailable.
    /// </summary>
    public static async Task GetAsync(string id, JobService jobs, ILogger<JobService> logger, HttpContext context)
    {
        if (QueryParameters.AnyFault(context) is { } fault)
        {
            await JsonErrors.RefuseAsync(context, fault);
            return;
        }
        try
        {
            if (await jobs.FindArtifactAsync(id, context.RequestAborted) is not var (artifact, bytes))
            {
                await JsonErrors.WriteAsync(
                    context, StatusCodes.Status404NotFound, StatusCode.NotFound, $"there is no artifact {(id.Length <= 64 ? id : id[..64] + "...")}");
                return;
            }
            await Results.Bytes(bytes, artifact.MediaType).ExecuteAsync(context);
        }
        catch (PlatformUnavailableException exception)
        {
            DownloadUnavailable(logger, id, exception.Details);
            context.Response.Headers.RetryAfter = PlatformUnavailableException.RetryAfter.TotalSeconds.ToString("0", CultureInfo.InvariantCulture);
            await JsonErrors.WriteAsync(context, StatusCodes.Status503ServiceUnavailable, StatusCode.Unavailable, exception.Message);
        }
    }

    [LoggerMessage(EventId = 101, EventName = "DownloadUnavailable", Level = LogLevel.Warning,
        Message = "Artifact {Id} cannot be sent now: {Details}")]
    private static partial void DownloadUnavailable(ILogger logger, string id, string details);
}
