using System.Text.Json.Nodes;
using Brownian.Gateway.Access;
using Brownian.Gateway.Catalog;
using Brownian.Gateway.Generation;
using Brownian.Gateway.Requests;
using Brownian.Hosting;
using Brownian.Jobs.Records;
using Brownian.Jobs.Services;
using Brownian.Models.Metadata;
using Brownian.V1;
using Grpc.Core;

namespace Brownian.Gateway.A1111;

/// <summary>
/// <c>txt2img</c>, <c>img2img</c>, <c>progress</c>, <c>interrupt</c> and <c>skip</c> of AUTOMATIC1111's API. A call is a job; a caller that leaves
/// ends it, as there.
/// </summary>
/// <param name="submissions">Submits jobs.</param>
/// <param name="jobs">The operations on jobs.</param>
/// <param name="store">The previews of jobs.</param>
/// <param name="models">The models.</param>
/// <param name="settings">The options of tenants.</param>
/// <param name="trail">Writes cancels to the audit log.</param>
/// <param name="lifetime">The lifetime of the process.</param>
internal sealed class A1111Images(
    JobSubmissions submissions, JobService jobs, IJobStore store, ServedModels models, A1111Settings settings, AuditTrail trail,
    IHostApplicationLifetime lifetime)
{
    /// <summary>The labels of the jobs of this door, and of the caller's name for one.</summary>
    public const string DoorLabel = "sdapi", TaskLabel = "sdapi.task";

    /// <summary>The number of jobs that are searched for the one that runs.</summary>
    private const int MaxSearched = 100;

    private static readonly TimeSpan SearchTime = TimeSpan.FromDays(1);

    /// <summary>Makes images.</summary>
    public async Task<JsonObject> GenerateAsync(JsonObject body, bool isImage, HttpContext context)
    {
        CancellationToken left = context.RequestAborted;
        string tenant = Callers.Of(context).Tenant;
        A1111Options options = await settings.GetAsync(tenant, left);
        var faults = new List<FieldFault>();
        var request = A1111Request.Of(body, isImage, options, faults);
        JsonObject json = request.Request;
        if (await models.FindAsync((string?)json["model"], left) is { } model)
        {
            request.FitTo(model.Facts);
        }
        json["labels"] = request.TaskId is { Length: > 0 } task
            ? new JsonObject { [DoorLabel] = "true", [TaskLabel] = task } : new JsonObject { [DoorLabel] = "true" };
        if (options.ShowsPreviews)
        {
            json["preview"] = new JsonObject { ["every"] = 5, ["size"] = 512 };
        }
        StoredJob job = await SubmitAsync(json, faults, context);
        IReadOnlyList<JobArtifact> made;
        try
        {
            made = await WaitAsync(job, context);
        }
        catch (OperationCanceledException) when (!lifetime.ApplicationStopping.IsCancellationRequested)
        {
            await submissions.CancelLeftAsync(job.Definition.Id, context);
            throw;
        }
        return await AnswerAsync(request, job, made, context);
    }

    /// <summary>Runs a request to its end, and returns its images.</summary>
    /// <param name="json">The request.</param>
    /// <param name="context">The call.</param>
    public async Task<byte[][]> RunAsync(JsonObject json, HttpContext context)
    {
        json["labels"] = new JsonObject { [DoorLabel] = "true" };
        StoredJob job = await SubmitAsync(json, [], context);
        IReadOnlyList<JobArtifact> made = await WaitAsync(job, context);
        return await FilesAsync(made, context);
    }

    /// <summary>Returns the progress of the caller's job that runs, or of one by its name.</summary>
    /// <param name="task">The name (<c>force_task_id</c>); null for the job that runs.</param>
    /// <param name="showsImage">Whether to show the newest preview.</param>
    /// <param name="context">The call.</param>
    public async Task<JsonObject> ProgressAsync(string? task, bool showsImage, HttpContext context) =>
        await ProgressAsync(await FindAsync(task, context), showsImage, context);

    private async Task<JsonObject> ProgressAsync(StoredJob? job, bool showsImage, HttpContext context)
    {
        Progress? progress = job is null ? null : JobMessages.ToMessage(job).Progress;
        int images = job is null ? 0 : Count(job);
        double share = 0, eta = 0;
        if (job is { Record.Phase: JobPhase.Running } && progress is { Steps: > 0 })
        {
            share = Math.Min(1, 0.01 + ((progress.Picture + ((double)progress.Step / progress.Steps)) / Math.Max(1, progress.Pictures)));
            double elapsed = (jobs.Now - (job.Record.Started ?? jobs.Now)).TotalSeconds;
            eta = (elapsed / share) - elapsed;
        }
        JsonNode? image = showsImage && job is not null && await store.FindPreviewAsync(job.Definition.Id, 0, context.RequestAborted) is { } preview
            ? Convert.ToBase64String(preview.Event.Preview.Data.Span) : null;
        return new JsonObject
        {
            ["progress"] = share,
            ["eta_relative"] = eta,
            ["state"] = new JsonObject
            {
                ["skipped"] = false,
                ["interrupted"] = false,
                ["stopping_generation"] = false,
                ["job"] = job is null ? "" : NameOf(job),
                ["job_count"] = images,
                ["job_timestamp"] = (job?.Definition.Created ?? jobs.Now).ToString("yyyyMMddHHmmss", CultureInfo.InvariantCulture),
                ["job_no"] = progress?.Picture ?? 0,
                ["sampling_step"] = progress?.Step ?? 0,
                ["sampling_steps"] = progress?.Steps ?? 0,
            },
            ["current_image"] = image,
            ["textinfo"] = job is { Record.Phase: JobPhase.Queued } ? "waits for a worker" : null,
        };
    }

    /// <summary>Returns the progress of a job by its name, in the form that the other program's own page asks for.</summary>
    public async Task<JsonObject> TaskProgressAsync(JsonObject body, HttpContext context)
    {
        var faults = new List<FieldFault>();
        var fields = new A1111Body(body, faults);
        string? task = fields.Text("id_task");
        bool showsImage = fields.Truth("live_preview", otherwise: true);
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
        StoredJob? job = await FindAsync(task, context);
        JsonObject progress = await ProgressAsync(job, showsImage, context);
        return new JsonObject
        {
            ["active"] = job is { Record.Phase: JobPhase.Running },
            ["queued"] = job is { Record.Phase: JobPhase.Queued },
            ["completed"] = job is null && task is { Length: > 0 },
            ["progress"] = progress["progress"]!.DeepClone(),
            ["eta"] = progress["eta_relative"]!.DeepClone(),
            ["live_preview"] = (string?)progress["current_image"] is { } image ? "data:image/png;base64," + image : null,
            ["id_live_preview"] = -1,
            ["textinfo"] = progress["textinfo"]?.DeepClone(),
        };
    }

    /// <summary>Cancels the caller's job that runs, or one by its name. Nothing happens when there is none.</summary>
    public async Task InterruptAsync(string? task, HttpContext context)
    {
        if (await FindAsync(task, context) is { } job
            && await jobs.CancelAsync(job.Definition.TenantName, job.Definition.Id, context.RequestAborted) is (_, true))
        {
            await trail.WriteJobAsync(context, "job.cancel", job.Definition.Id);
        }
    }

    private static string NameOf(StoredJob job) => job.Definition.Labels.GetValueOrDefault(TaskLabel, job.Definition.Id);

    private static int Count(StoredJob job) => (job.Definition.Request["seeds"] as JsonArray)?.Count ?? 1;

    /// <summary>Returns the tenant's job of this door that runs, or that waits the longest; null for none.</summary>
    private async Task<StoredJob?> FindAsync(string? task, HttpContext context)
    {
        var labels = new Dictionary<string, string>(StringComparer.Ordinal) { [DoorLabel] = "true" };
        if (task is { Length: > 0 })
        {
            labels[TaskLabel] = task;
        }
        JobPage page = await jobs.ListAsync(
            new JobQuery
            {
                Tenant = Callers.Of(context).Tenant,
                Labels = labels,
                Phases = [JobPhase.Queued, JobPhase.Running],
                Since = jobs.Now - SearchTime,
                Max = MaxSearched,
            },
            context.RequestAborted);
        return page.Jobs.LastOrDefault(job => job.Record.Phase == JobPhase.Running) ?? (page.Jobs.Count > 0 ? page.Jobs[^1] : null);
    }

    private async Task<StoredJob> SubmitAsync(JsonObject json, List<FieldFault> faults, HttpContext context)
    {
        SubmittedRequest submitted = RequestMessages.Read(submissions.Read(json, faults), jobs.Now, faults);
        return (await submissions.SubmitAsync(submitted, faults, null, context, context.RequestAborted)).Job;
    }

    /// <summary>Waits for the end of a job, and returns its images: none of a job that was cancelled.</summary>
    private async Task<IReadOnlyList<JobArtifact>> WaitAsync(StoredJob job, HttpContext context)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        string tenant = Callers.Of(context).Tenant, id = job.Definition.Id;
        try
        {
            await foreach (JobEvent update in jobs.WatchAsync(tenant, id, 0, either.Token))
            {
                if (update.EventCase == JobEvent.EventOneofCase.Failed)
                {
                    throw new RpcException(new Status(StatusCode.Internal, $"job {id} failed: {update.Failed.Error.Message}"));
                }
            }
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, $"the gateway is stopping; job {id} continues: GET /v1/jobs/{id} shows it"));
        }
        return await jobs.FindAsync(tenant, id, context.RequestAborted) is { } ended
            ? ended.Record.Artifacts : throw new RpcException(new Status(StatusCode.NotFound, $"job {id} was removed"));
    }

    private async Task<byte[][]> FilesAsync(IReadOnlyList<JobArtifact> artifacts, HttpContext context)
    {
        var files = new List<byte[]>();
        foreach (JobArtifact artifact in artifacts.OrderBy(artifact => artifact.Index))
        {
            (_, byte[] bytes, _) = await jobs.FindArtifactAsync(Callers.Of(context).Tenant, artifact.Id, context.RequestAborted)
                ?? throw new RpcException(new Status(StatusCode.NotFound, ArtifactDownload.Missing(artifact.Id)));
            files.Add(bytes);
        }
        return [.. files];
    }

    private async Task<JsonObject> AnswerAsync(A1111Request request, StoredJob job, IReadOnlyList<JobArtifact> made, HttpContext context)
    {
        byte[][] files = await FilesAsync(made, context);
        string[] texts = [.. files.Select(file => ImageMetadata.TextIn(file) ?? "")];
        return new JsonObject
        {
            ["images"] = new JsonArray([.. request.SendsImages ? files.Select(file => (JsonNode)Convert.ToBase64String(file)) : []]),
            ["parameters"] = request.Echo(),
            ["info"] = (await InfoAsync(request, job, made, texts, context.RequestAborted)).ToJsonString(),
        };
    }

    /// <summary>
    /// Returns what the other program says of the images (<c>Processed.js</c> in <c>modules/processing.py</c>), and what was not followed.
    /// </summary>
    private async Task<JsonObject> InfoAsync(
        A1111Request request, StoredJob job, IReadOnlyList<JobArtifact> made, string[] texts, CancellationToken cancellationToken)
    {
        JsonObject used = job.Definition.Request;
        ulong[] seeds = made.Count > 0 ? [.. made.Select(artifact => artifact.Seed)]
            : [.. (used["seeds"] as JsonArray ?? []).Select(seed => ulong.Parse(seed!.ToJsonString(), CultureInfo.InvariantCulture))];
        string prompt = (string?)used["prompt"] ?? "", negative = (string?)used["negative_prompt"] ?? "";
        JsonNode subseed = used["subseed"]?.DeepClone() ?? -1;
        string? hash = (await models.FindAsync(job.Definition.Model, cancellationToken))?.CheckpointSha256;
        return new JsonObject
        {
            ["prompt"] = prompt,
            ["all_prompts"] = Each(prompt),
            ["negative_prompt"] = negative,
            ["all_negative_prompts"] = Each(negative),
            ["seed"] = seeds.Length > 0 ? seeds[0] : -1,
            ["all_seeds"] = new JsonArray([.. seeds.Select(seed => (JsonNode)seed)]),
            ["subseed"] = subseed,
            ["all_subseeds"] = new JsonArray([.. seeds.Select(_ => subseed.DeepClone())]),
            ["subseed_strength"] = used["subseed_strength"]?.DeepClone() ?? 0,
            ["width"] = used["width"]?.DeepClone(),
            ["height"] = used["height"]?.DeepClone(),
            ["sampler_name"] = SamplerIn(texts),
            ["cfg_scale"] = used["guidance_scale"]?.DeepClone(),
            ["steps"] = used["steps"]?.DeepClone(),
            ["batch_size"] = seeds.Length,
            ["restore_faces"] = false,
            ["face_restoration_model"] = null,
            ["sd_model_name"] = job.Definition.Model,
            ["sd_model_hash"] = hash is { Length: 64 } ? hash[..10] : null,
            ["sd_vae_name"] = null,
            ["sd_vae_hash"] = null,
            ["seed_resize_from_w"] = -1,
            ["seed_resize_from_h"] = -1,
            ["denoising_strength"] = used["strength"]?.DeepClone(),
            ["extra_generation_params"] = new JsonObject(),
            ["index_of_first_image"] = 0,
            ["infotexts"] = new JsonArray([.. texts.Select(text => (JsonNode)text)]),
            ["styles"] = new JsonArray(),
            ["job_timestamp"] = job.Definition.Created.ToString("yyyyMMddHHmmss", CultureInfo.InvariantCulture),
            ["clip_skip"] = 1 + (int?)used["clip_skip"] ?? 1,
            ["is_using_inpainting_conditioning"] = false,
            // What the other program does not have: what was not followed, and the job.
            ["warnings"] = new JsonArray([.. request.Warnings.Concat(job.Definition.Warnings).Select(warning => (JsonNode)warning)]),
            ["job"] = job.Definition.Id,
        };

        JsonArray Each(string text) => new([.. seeds.Select(_ => (JsonNode)text)]);
    }

    /// <summary>Returns the sampler's name in the settings of the images.</summary>
    private static string? SamplerIn(string[] texts)
    {
        const string Name = "Sampler: ";
        if (texts.Length == 0 || texts[0].LastIndexOf(Name, StringComparison.Ordinal) is var at && at < 0)
        {
            return null;
        }
        string rest = texts[0][(at + Name.Length)..];
        return rest.Split(',')[0];
    }
}
