using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Gateway.Callbacks;
using Brownian.Gateway.Catalog;
using Brownian.Gateway.Uploads;
using Brownian.Jobs;
using Brownian.Jobs.Access;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Costs;
using Brownian.Jobs.Records;
using Brownian.Jobs.Services;
using Brownian.Models.Catalog;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Models.Plans;
using Brownian.Requests;
using Brownian.Requests.References;

namespace Brownian.Gateway.Requests;

/// <summary>
/// Converts requests to jobs: everything is validated against the model, and everything that workers could decide differently is decided here.
/// </summary>
/// <param name="catalog">The catalogue with the models.</param>
/// <param name="jobs">Provides ids and the time.</param>
/// <param name="uploads">Provides the images that requests name.</param>
/// <param name="adapters">The catalogue of LoRAs, textual inversions and ControlNets.</param>
/// <param name="callbacks">The hosts that may be called back.</param>
/// <param name="workers">The workers of this process, whose models are known once all of them have announced theirs.</param>
public sealed class RequestService(
    ICatalog catalog, JobService jobs, UploadService uploads, AdapterCatalog adapters, CallbackHosts callbacks, IEnumerable<IWorkerStatus> workers)
{
    private readonly ConcurrentDictionary<string, ModelSignature> _signatures = new(StringComparer.Ordinal);

    /// <summary>Creates the job of a request, and reads its files. Nothing is stored.</summary>
    /// <param name="submitted">The request.</param>
    /// <param name="uploader">The caller.</param>
    /// <param name="isDirect">Whether the request is run without a job, so that its data URLs are never stored.</param>
    /// <param name="faults">The faults found before.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="FieldFaultException">The request is invalid; contains every fault.</exception>
    /// <exception cref="PlatformUnavailableException">
    /// A model is not announced yet, so that the request cannot be validated; no other fault was found.
    /// </exception>
    public async Task<(JobDefinition Definition, RequestFiles Files)> DefineAsync(
        SubmittedRequest submitted, Uploader uploader, bool isDirect, List<FieldFault> faults, CancellationToken cancellationToken)
    {
        string id = jobs.NewId();
        var files = new RequestFiles(uploads, uploader, id);
        var models = new List<ModelCard>();
        callbacks.Check(submitted.CallbackUrl, isDirect, faults);
        PlatformUnavailableException? early = null;
        ResolvedRequest? resolved = null;
        Plan? plan = null;
        (string Id, PartialResult Stages)? kept = null;
        try
        {
            (kept, JsonObject requested) = await FindPartialResultAsync(submitted.Request, files, cancellationToken);
            requested = await ExpandAsync(requested, cancellationToken);
            GenerationRequest request = RequestReader.Read(requested);
            if (request.StopAfter is not null && kept is not null)
            {
                faults.Add(new FieldFault("stop_after", "cannot be given with from"));
            }
            string[] fields =
            [
                "model", .. Enumerable.Range(1, request.CascadeStages.Count).Select(i => string.Create(CultureInfo.InvariantCulture, $"model[{i}]")),
                .. request.Refiner is null
                    ? (string[])[]
                    : ["refiner.model"],
            ];
            for (int i = 0; i < fields.Length; i++)
            {
                try
                {
                    if (await FindModelAsync(fields[i], request.ModelNames[i], request.Task, faults, cancellationToken) is { } model)
                    {
                        models.Add(model);
                    }
                }
                catch (PlatformUnavailableException exception) when (exception.Part is PlatformPart.Models or PlatformPart.Model)
                {
                    // Faults that do not depend on the models are reported first.
                    early = exception;
                }
            }
            int before = faults.Count;
            RequestImages images = await RequestImages.ReadAsync(request, named => files.FindAsync(named, cancellationToken), faults);
            bool areImagesWhole = faults.Count == before;
            bool isWhole = models.Count == fields.Length;
            AdapterReferences? known = request.Adapters is { } named
                ? await OpenAdaptersAsync(named, isWhole ? models[0] : null, faults, cancellationToken)
                : null;
            if (isWhole && request.ControlNets is not null)
            {
                // May read gigabytes.
                request = await Task.Run(() => adapters.Open(request, models[0], faults), cancellationToken);
            }
            // If an image could not be read, a family that needs one reports no further fault and resolves to null.
            resolved = isWhole && ModelFamilies.Resolve(request with { Adapters = known }, images, models) is { } meant
                ? meant with { Adapters = known }
                : null;
            // A plan contains the images that it needs, so there is no plan when one could not be read.
            plan = resolved is null || !areImagesWhole ? null : ModelFamilies.Plan(resolved, models);
            plan = plan is null ? null
                : kept is { } from ? from.Stages.Resume(plan, resolved!, from.Id)
                : resolved!.Request.StopAfter is null ? plan
                : PartialResult.Stop(plan, resolved, ToResumable(requested, resolved, models, isDirect ? files.UploadOf : files.IdOf));
        }
        catch (FieldFaultException exception)
        {
            faults.AddRange(exception.Faults);
        }
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
        if (early is not null)
        {
            throw early;
        }
        var definition = new JobDefinition
        {
            Id = id,
            Tenant = Tenant.ToStored(uploader.Caller.Tenant),
            PixelSteps = PixelSteps.Of(plan!, name => models.FirstOrDefault(model => model.Name == name)?.Facts.Scale ?? 1),
            Created = jobs.Now,
            Plan = plan!,
            Request = resolved!.ToJson(),
            Model = models[0].Name,
            ModelFingerprint = models[0].Fingerprint,
            Priority = submitted.Priority,
            Deadline = submitted.Deadline,
            Labels = submitted.Labels,
            IdempotencyKey = submitted.IdempotencyKey,
            CallbackUrl = submitted.CallbackUrl,
            RequestHash = Hash(submitted),
            Files = [.. files.Own.Select(file => file.Id)],
            Uploads = files.Uploads,
            Warnings = resolved.Warnings,
            TraceParent = Activity.Current?.Id,
        };
        return (definition, files);
    }

    /// <summary>Returns the job as which the same request was accepted before, by its idempotency key; null when there is none.</summary>
    /// <param name="submitted">The request.</param>
    /// <param name="tenant">The tenant's name.</param>
    /// <param name="faults">
    /// The faults found before. A request with faults was never accepted, except for one whose deadline has passed since.
    /// </param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="IdempotencyConflictException">The key was used with another request.</exception>
    public async Task<StoredJob?> FindRepeatedAsync(
        SubmittedRequest submitted, string tenant, IReadOnlyList<FieldFault> faults, CancellationToken cancellationToken)
    {
        bool hasOnlyPassed = submitted.Deadline <= jobs.Now && faults.All(fault => fault.Field == "deadline");
        return submitted.IdempotencyKey is { } key && (faults.Count == 0 || hasOnlyPassed)
            ? await jobs.FindRepeatedAsync(tenant, key, Hash(submitted), cancellationToken)
            : null;
    }

    /// <summary>
    /// Returns the partial result from which a request is resumed, and that result's request with the fields that this one overrides.
    /// </summary>
    private static async Task<((string Id, PartialResult Stages)? Kept, JsonObject Request)> FindPartialResultAsync(
        JsonObject request, RequestFiles files, CancellationToken cancellationToken)
    {
        if (request["from"] is not { } named)
        {
            return (null, request);
        }
        try
        {
            string name = named is JsonValue value && value.TryGetValue(out string? text) ? text : throw new InvalidDataException("is not text");
            (string id, ReadOnlyMemory<byte> file) = await files.FindAsync(name, cancellationToken);
            PartialResult kept = PartialResult.Read(file.ToArray(), "the file");
            JsonObject whole = kept.Request.DeepClone().AsObject();
            if (((string[])["seeds", "seed", "count"]).Any(field => request[field] is not null))
            {
                whole.Remove("seeds");
            }
            foreach ((string field, JsonNode? stated) in request.Where(field => field.Key != "from" && field.Value is not null))
            {
                whole[field] = stated!.DeepClone();
            }
            return ((id, kept), whole);
        }
        catch (InvalidDataException exception)
        {
            throw new FieldFaultException(new FieldFault("from", exception.Message));
        }
    }

    /// <summary>
    /// Returns a request in the form in which it can be resumed later: with its seeds, its models' names and the ids of its images. Images without an
    /// id stay embedded.
    /// </summary>
    private static JsonObject ToResumable(JsonObject requested, ResolvedRequest resolved, List<ModelCard> models, Func<string, string?> idOf)
    {
        JsonObject request =
            PartialResult.ToResumable(requested, resolved, [.. models.Take(1 + resolved.Request.CascadeStages.Count).Select(model => model.Name)]);
        foreach ((_, JsonValue named) in RequestSchema.FilesIn(request).ToArray())
        {
            if (named.TryGetValue(out string? text) && idOf(text) is { } id)
            {
                named.ReplaceWith(id);
            }
        }
        return request;
    }

    /// <summary>Expands a request to a cascade into one with the cascade's stages.</summary>
    private async Task<JsonObject> ExpandAsync(JsonObject request, CancellationToken cancellationToken) =>
        request["model"] is JsonValue model && model.TryGetValue(out string? name)
            && await catalog.FindModelAsync(name, cancellationToken) is { Stages: { } stages }
            ? Cascade.Expand(request, stages, [.. stages.Select(stage => stage.Model)])
            : request;

    /// <summary>Creates the same job again, for one that failed or was cancelled.</summary>
    public JobDefinition Again(StoredJob job) => job.Definition with
    {
        Id = jobs.NewId(),
        Created = jobs.Now,
        Deadline = null,
        IdempotencyKey = null,
        Files = [],
        Uploads = [.. job.Definition.Uploads, .. job.Definition.Files],
        RetryOf = job.Definition.Id,
        TraceParent = Activity.Current?.Id,
    };

    /// <summary>
    /// Opens adapters and compares them with the model's signature that a worker published; without a signature, the worker compares them.
    /// </summary>
    private async Task<AdapterReferences?> OpenAdaptersAsync(
        AdapterReferences requested, ModelCard? model, List<FieldFault> faults, CancellationToken cancellationToken)
    {
        if (adapters.Open(requested, faults) is not { } opened)
        {
            return null;
        }
        if (model is not null && await FindSignatureAsync(model, cancellationToken) is { } signature)
        {
            opened.Set.Check(signature.Parts, faults);
        }
        return opened.References;
    }

    private async Task<ModelSignature?> FindSignatureAsync(ModelCard model, CancellationToken cancellationToken)
    {
        if (!_signatures.TryGetValue(model.Name, out ModelSignature? signature) || signature.Fingerprint != model.Fingerprint)
        {
            signature = await catalog.FindSignatureAsync(model.Name, model.Fingerprint, cancellationToken);
            if (signature is not null)
            {
                _signatures[model.Name] = signature;
            }
        }
        return signature;
    }

    /// <exception cref="PlatformUnavailableException">The model may not be announced yet.</exception>
    private async Task<ModelCard?> FindModelAsync(
        string field, string? name, string task, List<FieldFault> faults, CancellationToken cancellationToken)
    {
        // Read before the catalogue, so that the catalogue contains everything that was announced until then.
        bool areAllAnnounced = workers.All(worker => worker.IsAnnounced);
        if (name is not null && await catalog.FindModelAsync(name, cancellationToken) is { } named)
        {
            return named;
        }
        IReadOnlyList<ModelCard> all = await catalog.ModelsAsync(cancellationToken);
        IReadOnlyList<ModelCard> known = name is not null ? all
            : task == RequestTask.Upscale ? [.. all.Where(ServedModels.Upscales)]
            : [.. all.Where(ServedModels.Draws)];
        if (name is null && known.FirstOrDefault(card => card.Name == ModelCatalog.DefaultModel) is { } usual)
        {
            return usual;
        }
        if (all.Count == 0)
        {
            throw new PlatformUnavailableException(PlatformPart.Models, "no worker has announced a model yet");
        }
        if (!areAllAnnounced)
        {
            throw new PlatformUnavailableException(
                PlatformPart.Model, $"workers of this process are starting; announced so far: {string.Join(", ", all.Select(card => card.Name))}");
        }
        // Whether a model is the only one is known only when all models are announced.
        if (name is null && known.Count == 1)
        {
            return known[0];
        }
        string allowed = known.Count == 0 ? "a model that upscales images; none is served" : string.Join(", ", known.Select(card => card.Name));
        faults.Add(name is null ? new FieldFault(field, $"is missing; allowed: {allowed}") : FieldFault.Of(field, name, allowed));
        return null;
    }

    /// <summary>A hash that does not depend on the order of the request's fields.</summary>
    private static string Hash(SubmittedRequest submitted)
    {
        var whole = new JsonObject
        {
            ["request"] = submitted.Request.DeepClone(),
            ["priority"] = submitted.Priority.ToString(),
            ["deadline"] = submitted.Deadline?.ToString("O", CultureInfo.InvariantCulture),
            ["labels"] = new JsonObject(submitted.Labels.Select(label => KeyValuePair.Create(label.Key, (JsonNode?)label.Value))),
        };
        if (submitted.CallbackUrl is { } url)
        {
            // Absent otherwise, so that the hashes of stored jobs stay the same.
            whole["callback_url"] = url;
        }
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Sorted(whole)!.ToJsonString())));
    }

    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject json =>
            new JsonObject(
                json.OrderBy(field => field.Key, StringComparer.Ordinal).Select(field => KeyValuePair.Create(field.Key, Sorted(field.Value)))),
        JsonArray array => new JsonArray([.. array.Select(Sorted)]),
        _ => node?.DeepClone(),
    };
}
