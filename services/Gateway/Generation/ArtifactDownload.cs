using Brownian.Gateway.Access;
using Brownian.Gateway.Requests;
using Brownian.Hosting;
using Brownian.Jobs;
using Brownian.Jobs.Access;
using Brownian.Jobs.Services;
using Grpc.Core;

namespace Brownian.Gateway.Generation;

/// <summary>Serves an image's file as the body of an HTTP response, for JSON clients.</summary>
internal static partial class ArtifactDownload
{
    private const string InvalidLink = "the link is not valid, or has expired; ask its owner for a new one";

    /// <summary>Returns the message about an image that does not exist, or is another tenant's.</summary>
    public static string Missing(string id) => $"there is no artifact {GivenId.Shown(id)}";

    /// <summary>
    /// Responds with a file of the caller's tenant; with 404 when it does not exist, with 400 for query parameters, and with 503 while a store is
    /// unavailable.
    /// </summary>
    public static Task GetAsync(string id, JobService jobs, ILogger<JobService> logger, HttpContext context) =>
        QueryParameters.AnyFault(context) is { } fault
            ? JsonErrors.RefuseAsync(context, fault)
            : SendAsync(Callers.Of(context).Tenant, id, jobs, logger, context);

    /// <summary>
    /// Responds with a file whose link is signed and has not expired; with 403 to any other link, and to those of a disabled tenant.
    /// </summary>
    public static async Task GetSignedAsync(
        string id, string? expires, string? signature, ArtifactSigner signer, IAccessStore tenants, JobService jobs, ILogger<JobService> logger,
        HttpContext context)
    {
        try
        {
            if (!await signer.IsValidAsync(id, expires, signature, context.RequestAborted))
            {
                await Answers.RefuseAsync(context, StatusCode.PermissionDenied, InvalidLink);
                return;
            }
        }
        catch (PlatformUnavailableException exception)
        {
            await UnavailableAsync(id, exception, logger, context);
            return;
        }
        await SendAsync(null, id, jobs, logger, context, tenants);
    }

    private static async Task SendAsync(
        string? tenant, string id, JobService jobs, ILogger<JobService> logger, HttpContext context, IAccessStore? tenants = null)
    {
        try
        {
            if (await jobs.FindArtifactAsync(tenant, id, context.RequestAborted) is not var (artifact, bytes, owner))
            {
                await Answers.RefuseAsync(context, StatusCode.NotFound, Missing(id));
                return;
            }
            if (tenants is not null && await tenants.FindTenantAsync(owner, context.RequestAborted) is { IsDisabled: true })
            {
                await Answers.RefuseAsync(context, StatusCode.PermissionDenied, InvalidLink);
                return;
            }
            await Results.Bytes(bytes, artifact.MediaType).ExecuteAsync(context);
        }
        catch (PlatformUnavailableException exception)
        {
            await UnavailableAsync(id, exception, logger, context);
        }
    }

    private static Task UnavailableAsync(string id, PlatformUnavailableException exception, ILogger logger, HttpContext context)
    {
        DownloadUnavailable(logger, id, exception.Details);
        return Answers.RefuseAsync(context, exception);
    }

    [LoggerMessage(EventId = 101, EventName = "DownloadUnavailable", Level = LogLevel.Warning,
        Message = "Artifact {Id} cannot be sent now: {Details}")]
    private static partial void DownloadUnavailable(ILogger logger, string id, string details);
}
