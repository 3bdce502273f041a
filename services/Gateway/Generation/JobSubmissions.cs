using System.Text.Json.Nodes;
using Brownian.Gateway.Access;
using Brownian.Gateway.Requests;
using Brownian.Gateway.Uploads;
using Brownian.Hosting;
using Brownian.Jobs.Records;
using Brownian.Jobs.Services;
using Brownian.V1;

namespace Brownian.Gateway.Generation;

/// <summary>Submits and cancels jobs for the callers of every door.</summary>
/// <param name="requests">Converts requests to jobs.</param>
/// <param name="jobs">The operations on jobs.</param>
/// <param name="addresses">Determines the clients' addresses of uploads.</param>
/// <param name="trail">Writes submissions and cancels to the audit log.</param>
/// <param name="logger">Logs failures that are not reported to a client.</param>
public sealed partial class JobSubmissions(
    RequestService requests, JobService jobs, ClientAddresses addresses, AuditTrail trail, ILogger<JobSubmissions> logger)
{
    private static readonly TimeSpan CancelTime = TimeSpan.FromSeconds(10);

    /// <summary>Reads the request that another program's call means.</summary>
    /// <param name="json">Its fields, in the form of a request file.</param>
    /// <param name="faults">The faults that were found before.</param>
    /// <exception cref="FieldFaultException">A field is unknown or of another type; contains the earlier faults, too.</exception>
    public GenerateRequest Read(JsonObject json, IReadOnlyList<FieldFault> faults)
    {
        try
        {
            return RequestMessage.Read(json, jobs.Now);
        }
        catch (FieldFaultException exception)
        {
            throw new FieldFaultException([.. faults, .. exception.Faults]);
        }
    }

    /// <summary>Submits a request, or finds the job as which it was accepted before, which requires no model to be available.</summary>
    /// <param name="submitted">The request.</param>
    /// <param name="faults">The faults that were found before.</param>
    /// <param name="callDeadline">When the caller stops waiting for the job; null for never.</param>
    /// <param name="context">The call.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>The job, and whether this call submitted it.</returns>
    /// <exception cref="FieldFaultException">The request is invalid; contains every fault.</exception>
    public async Task<(StoredJob Job, bool IsOwn)> SubmitAsync(
        SubmittedRequest submitted, List<FieldFault> faults, DateTimeOffset? callDeadline, HttpContext context, CancellationToken cancellationToken)
    {
        if (await requests.FindRepeatedAsync(submitted, Callers.Of(context).Tenant, faults, cancellationToken) is { } known)
        {
            return (known, false);
        }
        (JobDefinition definition, RequestFiles files) = await DefineAsync(submitted, isDirect: false, faults, context, cancellationToken);
        StoredJob job = await jobs.SubmitAsync(
            WithDeadline(definition, callDeadline), files.Own, Callers.Of(context).Quotas, trail.DescribeJob(context, "job.submit", definition.Id),
            cancellationToken);
        return (job, job.Definition.Id == definition.Id);
    }

    /// <summary>Creates the job of a request. Nothing is stored.</summary>
    /// <param name="submitted">The request.</param>
    /// <param name="isDirect">Whether the request is run without a job.</param>
    /// <param name="faults">The faults that were found before.</param>
    /// <param name="context">The call.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="FieldFaultException">The request is invalid; contains every fault.</exception>
    public Task<(JobDefinition Definition, RequestFiles Files)> DefineAsync(
        SubmittedRequest submitted, bool isDirect, List<FieldFault> faults, HttpContext context, CancellationToken cancellationToken) =>
        requests.DefineAsync(submitted, Uploader.Of(context, addresses), isDirect, faults, cancellationToken);

    /// <summary>Cancels the job of a caller that has left.</summary>
    public async Task CancelLeftAsync(string id, HttpContext context)
    {
        try
        {
            using var deadline = new CancellationTokenSource(CancelTime);
            if (await jobs.CancelAsync(Callers.Of(context).Tenant, id, deadline.Token) is (_, true))
            {
                await trail.WriteJobAsync(context, "job.cancel", id, deadline.Token);
            }
        }
        catch (Exception exception) when (exception is Jobs.PlatformUnavailableException or OperationCanceledException)
        {
            CancelFailed(logger, id, exception);
        }
    }

    /// <summary>Returns a job with the earlier of its deadline and its caller's.</summary>
    public static JobDefinition WithDeadline(JobDefinition definition, DateTimeOffset? callDeadline) =>
        callDeadline < (definition.Deadline ?? DateTimeOffset.MaxValue) ? definition with { Deadline = callDeadline } : definition;

    [LoggerMessage(EventId = 100, EventName = "CancelFailed", Level = LogLevel.Warning,
        Message = "Job {Job}: the client disconnected and the job could not be cancelled")]
    private static partial void CancelFailed(ILogger logger, string job, Exception exception);
}
