using Brownian.Gateway.Access;
using Brownian.Gateway.Direct;
using Brownian.Gateway.Requests;
using Brownian.Gateway.Uploads;
using Brownian.Hosting;
using Brownian.Jobs.Access;
using Brownian.Jobs.Records;
using Brownian.Jobs.Services;
using Brownian.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Brownian.Gateway.Generation;

/// <summary>The public API. <see cref="RequestService"/> validates requests, and <see cref="JobService"/> runs them as jobs.</summary>
/// <param name="requests">Converts requests to jobs.</param>
/// <param name="submissions">Submits jobs.</param>
/// <param name="jobService">The operations on jobs.</param>
/// <param name="estimates">Converts jobs to messages with estimates.</param>
/// <param name="direct">Runs requests without a job.</param>
/// <param name="uploads">Stores uploads for requests.</param>
/// <param name="addresses">Determines the clients' addresses of uploads.</param>
/// <param name="signer">Signs links to images.</param>
/// <param name="trail">Writes what callers do to the audit log.</param>
/// <param name="lifetime">The lifetime of the process: a gateway that stops cancels no job.</param>
[Requires(Permission.Read)]
public sealed class GenerationService(
    RequestService requests,
    JobSubmissions submissions,
    JobService jobService,
    JobEstimates estimates,
    DirectService direct,
    UploadService uploads,
    ClientAddresses addresses,
    ArtifactSigner signer,
    AuditTrail trail,
    IHostApplicationLifetime lifetime)
    : V1.Generation.GenerationBase
{
    private const int Chunk = 64 << 10;
    private const int DefaultPageSize = 100;
    private const int MaxPageSize = 1000;

    /// <inheritdoc/>
    [Requires(Permission.Generate)]
    public override async Task Generate(GenerateRequest request, IServerStreamWriter<JobEvent> responseStream, ServerCallContext context)
    {
        CancellationToken left = context.CancellationToken;
        if (request.Direct)
        {
            (JobDefinition definition, RequestFiles files) = await DefineAsync(request, context);
            AuditEntry? entry = trail.DescribeJob(context.GetHttpContext(), "direct.generate", definition.Id);
            try
            {
                await foreach (JobEvent update in direct.GenerateAsync(
                    JobSubmissions.WithDeadline(definition, CallDeadline(context)), Callers.Of(context), entry, files, left))
                {
                    await responseStream.WriteAsync(update, left);
                }
            }
            catch (Exception exception) when (exception is InvalidOperationException or IOException && left.IsCancellationRequested)
            {
                // The client left.
                throw new OperationCanceledException(left);
            }
            return;
        }
        (StoredJob job, bool isOwn) = await SubmitAsync(request, request.Detach ? null : CallDeadline(context), context);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(left, lifetime.ApplicationStopping);
        try
        {
            await foreach (JobEvent update in jobService.WatchAsync(TenantOf(context), job.Definition.Id, 0, either.Token))
            {
                await responseStream.WriteAsync(update, either.Token);
            }
        }
        catch (Exception exception) when (
            exception is OperationCanceledException or InvalidOperationException or IOException && either.IsCancellationRequested)
        {
            if (lifetime.ApplicationStopping.IsCancellationRequested)
            {
                throw new RpcException(
                    new Status(StatusCode.Unavailable, $"the gateway is stopping; job {job.Definition.Id} continues: watch it at another gateway"));
            }
            // A job that another client submitted under the same key is left to that client.
            if (!request.Detach && isOwn)
            {
                await submissions.CancelLeftAsync(job.Definition.Id, context.GetHttpContext());
            }
            throw new OperationCanceledException(left);
        }
    }

    /// <inheritdoc/>
    [Requires(Permission.Generate)]
    public override async Task<Job> Submit(GenerateRequest request, ServerCallContext context)
    {
        request = JsonBodies.SubmissionOf(context.GetHttpContext(), request);
        if (request.Direct)
        {
            throw new FieldFaultException(new FieldFault("direct", "is only for Generate: a direct call creates no job that Submit can return"));
        }
        return await estimates.DescribeWithPlaceAsync((await SubmitAsync(request, null, context)).Job, context.CancellationToken);
    }

    /// <inheritdoc/>
    public override async Task<Job> Get(GetJobRequest request, ServerCallContext context) =>
        await estimates.DescribeWithPlaceAsync(await FindAsync(request.Id, context), context.CancellationToken);

    /// <inheritdoc/>
    public override async Task<ListJobsResponse> List(ListJobsRequest request, ServerCallContext context)
    {
        if (request.PageSize is < 0 or > MaxPageSize)
        {
            throw new FieldFaultException("page_size", request.PageSize, $"1..{MaxPageSize}, or 0 for {DefaultPageSize}");
        }
        if (request.PageToken.Length > 0 && !IsId(request.PageToken))
        {
            throw new FieldFaultException("page_token", request.PageToken, "the next_page_token of an answer");
        }
        JobPage page = await jobService.ListAsync(
            new JobQuery
            {
                Tenant = TenantOf(context),
                Max = request.PageSize == 0 ? DefaultPageSize : request.PageSize,
                After = request.PageToken.Length == 0 ? null : request.PageToken,
                Phases = [.. request.States.Select(JobMessages.ToPhase).OfType<JobPhase>()],
                Model = request.Model.Length == 0 ? null : request.Model,
                Labels =
                    request.Labels.Concat(QueryParameters.MapOf(context.GetHttpContext(), "labels")).DistinctBy(label => label.Key).ToDictionary(),
            },
            context.CancellationToken);
        var response = new ListJobsResponse { NextPageToken = page.Next ?? "" };
        foreach (StoredJob job in page.Jobs)
        {
            response.Jobs.Add(await estimates.DescribeAsync(job, context.CancellationToken));
        }
        return response;
    }

    /// <inheritdoc/>
    public override async Task Watch(WatchJobRequest request, IServerStreamWriter<JobEvent> responseStream, ServerCallContext context)
    {
        RequireId(request.Id);
        if (request.AfterEvent is < 0 or > uint.MaxValue)
        {
            throw new FieldFaultException("after_event", request.AfterEvent, $"0..{uint.MaxValue}");
        }
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        try
        {
            await foreach (JobEvent update in jobService.WatchAsync(TenantOf(context), request.Id, request.AfterEvent, either.Token))
            {
                await responseStream.WriteAsync(update, either.Token);
            }
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "the gateway is stopping: watch at another gateway"));
        }
    }

    /// <inheritdoc/>
    [Requires(Permission.Generate)]
    public override async Task<CancelJobResponse> Cancel(CancelJobRequest request, ServerCallContext context)
    {
        RequireId(request.Id);
        (StoredJob job, bool cancelled) =
            await jobService.CancelAsync(TenantOf(context), request.Id, context.CancellationToken) ?? throw new KeyNotFoundException(request.Id);
        if (cancelled)
        {
            await trail.WriteJobAsync(context.GetHttpContext(), "job.cancel", request.Id);
        }
        return new CancelJobResponse
        {
            Cancelled = cancelled && job.Record.Phase == JobPhase.Cancelled,
            Job = await DescribeAsync(job, context),
        };
    }

    /// <inheritdoc/>
    [Requires(Permission.Generate)]
    public override async Task<Job> Retry(RetryJobRequest request, ServerCallContext context)
    {
        StoredJob job = await FindAsync(request.Id, context);
        if (job.Record.Phase is not (JobPhase.Failed or JobPhase.Cancelled))
        {
            throw new RpcException(new Status(
                StatusCode.FailedPrecondition,
                $"job {request.Id} is {job.Record.Phase.ToString().ToLowerInvariant()}; only failed and cancelled jobs can be retried"));
        }
        JobDefinition definition = requests.Again(job);
        StoredJob again = await jobService.SubmitAsync(
            definition, [], Callers.Of(context).Quotas, trail.DescribeJob(context.GetHttpContext(), "job.retry", definition.Id),
            context.CancellationToken);
        return await DescribeAsync(again, context);
    }

    /// <inheritdoc/>
    public override async Task GetArtifact(GetArtifactRequest request, IServerStreamWriter<ArtifactChunk> responseStream, ServerCallContext context)
    {
        (JobArtifact artifact, byte[] bytes, _) = await jobService.FindArtifactAsync(TenantOf(context), request.Id, context.CancellationToken)
            ?? throw new RpcException(new Status(StatusCode.NotFound, ArtifactDownload.Missing(request.Id)));
        for (int start = 0; start < bytes.Length; start += Chunk)
        {
            await responseStream.WriteAsync(
                new ArtifactChunk
                {
                    Artifact = start == 0 ? JobMessages.ToMessage(artifact) : null,
                    Data = UnsafeByteOperations.UnsafeWrap(bytes.AsMemory(start, Math.Min(Chunk, bytes.Length - start))),
                },
                context.CancellationToken);
        }
    }

    /// <inheritdoc/>
    public override async Task<SignedArtifact> SignArtifact(SignArtifactRequest request, ServerCallContext context)
    {
        TimeSpan lifetime = request.Lifetime?.ToTimeSpan() ?? ArtifactSigner.DefaultLifetime;
        if (lifetime <= TimeSpan.Zero || lifetime > ArtifactSigner.MaxLifetime)
        {
            throw new FieldFaultException("lifetime", request.Lifetime, $"above 0, up to {ArtifactSigner.MaxLifetime.TotalSeconds:0} s");
        }
        if (await jobService.FindArtifactAsync(TenantOf(context), request.Id, context.CancellationToken) is null)
        {
            throw new RpcException(new Status(StatusCode.NotFound, ArtifactDownload.Missing(request.Id)));
        }
        (string path, DateTimeOffset expires) = await signer.SignAsync(request.Id, lifetime, context.CancellationToken);
        return new SignedArtifact { Path = path, ExpireTime = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTimeOffset(expires) };
    }

    /// <inheritdoc/>
    [Requires(Permission.Generate)]
    public override Task<UploadedImage> Upload(IAsyncStreamReader<UploadChunk> requestStream, ServerCallContext context) =>
        uploads.StoreAsync(UploaderOf(context), requestStream.ReadAllAsync(), context.CancellationToken);

    /// <inheritdoc/>
    [Requires(Permission.Generate)]
    public override Task<UploadPartResponse> UploadPart(UploadPartRequest request, ServerCallContext context) =>
        uploads.AppendAsync(UploaderOf(context), request, context.CancellationToken);

    private static string TenantOf(ServerCallContext context) => Callers.Of(context).Tenant;

    private static DateTimeOffset? CallDeadline(ServerCallContext context) =>
        context.Deadline == DateTime.MaxValue ? null : new DateTimeOffset(context.Deadline, TimeSpan.Zero);

    private static bool IsId(string id) => id.Length == 32 && id.All(char.IsAsciiHexDigitLower);

    private static void RequireId(string id)
    {
        if (!IsId(id))
        {
            throw new KeyNotFoundException(GivenId.Shown(id));
        }
    }

    private Uploader UploaderOf(ServerCallContext context) => Uploader.Of(context.GetHttpContext(), addresses);

    private async Task<StoredJob> FindAsync(string id, ServerCallContext context)
    {
        RequireId(id);
        return await jobService.FindAsync(TenantOf(context), id, context.CancellationToken) ?? throw new KeyNotFoundException(id);
    }

    private Task<(StoredJob Job, bool IsOwn)> SubmitAsync(GenerateRequest request, DateTimeOffset? callDeadline, ServerCallContext context) =>
        submissions.SubmitAsync(
            Checked(request, out List<FieldFault> faults), faults, callDeadline, context.GetHttpContext(), context.CancellationToken);

    private Task<(JobDefinition Definition, RequestFiles Files)> DefineAsync(GenerateRequest request, ServerCallContext context) =>
        submissions.DefineAsync(
            Checked(request, out List<FieldFault> faults), request.Direct, faults, context.GetHttpContext(), context.CancellationToken);

    private SubmittedRequest Checked(GenerateRequest request, out List<FieldFault> faults)
    {
        SubmittedRequest submitted = RequestMessages.Read(request, jobService.Now, faults = []);
        if (request is { Direct: true, Preview: not null })
        {
            faults.Add(new FieldFault("preview", "cannot be given with direct: only jobs have previews"));
        }
        return submitted;
    }

    /// <summary>Describes a job to a caller; without its content to one that may not read jobs.</summary>
    private Task<Job> DescribeAsync(StoredJob job, ServerCallContext context) => Callers.Of(context).Permissions.HasFlag(Permission.Read)
        ? estimates.DescribeAsync(job, context.CancellationToken)
        : Task.FromResult(new Job { Id = job.Definition.Id, State = JobMessages.ToMessage(job).State });
}
