using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Brownian.Gateway.Access;
using Brownian.Gateway.Catalog;
using Brownian.Gateway.Generation;
using Brownian.Gateway.Requests;
using Brownian.Hosting;
using Brownian.Jobs.Records;
using Brownian.Jobs.Services;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Requests;
using Brownian.V1;
using Grpc.Core;

namespace Brownian.Gateway.OpenAi;

/// <summary>
/// OpenAI's Images API. A call is a job, which continues when the caller leaves: an SDK that repeats a call finds the job of the first one.
/// </summary>
/// <param name="submissions">Submits jobs.</param>
/// <param name="jobs">The operations on jobs.</param>
/// <param name="models">The models by their names at this door.</param>
/// <param name="served">The models by the gateway's names.</param>
/// <param name="signer">Signs links to images.</param>
/// <param name="addresses">Determines the address of this gateway for links.</param>
/// <param name="faults">Translates failures.</param>
/// <param name="time">The time.</param>
/// <param name="lifetime">The lifetime of the process.</param>
internal sealed class OpenAiImages(
    JobSubmissions submissions, JobService jobs, OpenAiModels models, ServedModels served, ArtifactSigner signer, ClientAddresses addresses,
    FaultTranslator faults, TimeProvider time, IHostApplicationLifetime lifetime)
{
    /// <summary>The label with a hash of the call, by which a repeated call finds its job.</summary>
    public const string CallLabel = "openai.call";

    /// <summary>How long a repeated call finds the job of the first one: longer than an SDK repeats it.</summary>
    private static readonly TimeSpan RepeatTime = TimeSpan.FromMinutes(30);

    /// <summary>The longer side of unfinished images.</summary>
    private const int PreviewSize = 512;

    /// <summary>How many times the model's own steps a quality has.</summary>
    private static readonly Dictionary<string, double> Steps = new(StringComparer.Ordinal) { ["low"] = 0.5, ["high"] = 2, ["hd"] = 2 };

    /// <summary>Responds to a call.</summary>
    public async Task AnswerAsync(OpenAiCall call, HttpContext context)
    {
        StoredJob? job = null;
        try
        {
            var found = new List<FieldFault>();
            var request = OpenAiRequest.Read(await OpenAiBodies.ReadAsync(context, call), call, found);
            job = await SubmitAsync(request, call, found, context);
            context.Response.Headers["x-request-id"] = job.Definition.Id;
            if (request.Streams)
            {
                IAsyncEnumerable<string> events = EventsAsync(request, call, job, context);
                await ServerSentEvents.WriteAsync(events, context.Response, time, context.RequestAborted);
                return;
            }
            JsonObject answer = await ImagesAsync(request, job, context);
            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync(answer.ToJsonString(), context.RequestAborted);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The caller left. Its job continues.
        }
        catch (OpenAiException exception)
        {
            await OpenAiErrors.WriteAsync(
                context, exception.HttpStatus, OpenAiErrors.TypeOf(exception.HttpStatus), exception.Code, exception.Param, exception.Message);
        }
        catch (BadHttpRequestException exception)
        {
            await JsonErrors.WriteAsync(context, exception.StatusCode, StatusCode.InvalidArgument, exception.Message);
        }
        catch (Exception exception)
        {
            // Once there is a job, a repeated call only finds it; before that, it may be admitted.
            RpcException failure = faults.Translate(exception, context.Request.Path);
            if (job is not null)
            {
                context.Response.Headers[OpenAiErrors.ShouldRetry] = failure.StatusCode == StatusCode.Unavailable ? "true" : "false";
            }
            await Answers.RefuseAsync(context, failure);
        }
    }

    private async Task<StoredJob> SubmitAsync(OpenAiRequest request, OpenAiCall call, List<FieldFault> found, HttpContext context)
    {
        CancellationToken left = context.RequestAborted;
        JsonObject json = request.Request;
        string? model = await models.FindAsync(request.Model, left);
        if (call == OpenAiCall.Variation && model is null)
        {
            model = await models.FindVaryingAsync(left);
        }
        json["model"] = model;
        int? steps = await StepsAsync(request, model, found, left);
        if (request.PartialImages > 0 && json["preview"] is null)
        {
            json["preview"] = new JsonObject { ["every"] = Math.Max(1, ((steps ?? 20) - 1) / (request.PartialImages + 1)), ["size"] = PreviewSize };
        }
        if (context.Request.Headers["Idempotency-Key"].ToString() is { Length: > 0 } key)
        {
            json["idempotency_key"] = key;
        }
        string hash = HashOf(call, json);
        if (json["labels"] is null or JsonObject)
        {
            var labels = (JsonObject?)json["labels"] ?? [];
            labels[CallLabel] = hash;
            json["labels"] = labels;
        }
        GenerateRequest message = submissions.Read(json, found);
        if (message.Direct || message.HasStopAfter)
        {
            found.Add(new FieldFault(message.Direct ? "direct" : "stop_after", "is only for Generate of gRPC and JSON"));
        }
        SubmittedRequest submitted = RequestMessages.Read(message, jobs.Now, found);
        if (submitted.IdempotencyKey is null && found.Count == 0 && IsRepeated(context)
            && await FindFirstAsync(hash, Callers.Of(context).Tenant, left) is { } first)
        {
            return first;
        }
        return (await submissions.SubmitAsync(submitted, found, null, context, left)).Job;
    }

    /// <summary>Whether the SDK says that it repeats a call.</summary>
    private static bool IsRepeated(HttpContext context) =>
        int.TryParse(context.Request.Headers["x-stainless-retry-count"].ToString(), CultureInfo.InvariantCulture, out int count) && count > 0;

    /// <summary>Returns the job of the call that this one repeats; null when there is none that runs or has made its images.</summary>
    private async Task<StoredJob?> FindFirstAsync(string hash, string tenant, CancellationToken cancellationToken)
    {
        JobPage page = await jobs.ListAsync(
            new JobQuery
            {
                Tenant = tenant,
                Since = jobs.Now - RepeatTime,
                Labels = new Dictionary<string, string> { [CallLabel] = hash },
                Phases = [JobPhase.Queued, JobPhase.Running, JobPhase.Done],
                Max = 1,
            },
            cancellationToken);
        return page.Jobs.Count > 0 ? page.Jobs[0] : null;
    }

    private static string HashOf(OpenAiCall call, JsonObject json) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{call}\n{json.ToJsonString()}")))[..32];

    /// <summary>Sets the steps of the quality. Returns the steps that the job will have, as far as they are known.</summary>
    private async Task<int?> StepsAsync(OpenAiRequest request, string? model, List<FieldFault> found, CancellationToken cancellationToken)
    {
        JsonObject json = request.Request;
        int? given = json["steps"] is JsonValue value && value.TryGetValue(out int stated) ? stated : null;
        bool isMapped = Steps.TryGetValue(request.Quality, out double share);
        if (!isMapped && (given is not null || request.PartialImages == 0))
        {
            return given;
        }
        if (isMapped && (json["steps"] ?? json["timesteps"]) is not null)
        {
            found.Add(new FieldFault("quality", "sets the steps; steps cannot be given with it"));
            return given;
        }
        int? usual = await served.FindAsync(model, cancellationToken) is { Stages: null } card ? UsualSteps(card) : null;
        if (!isMapped)
        {
            return usual;
        }
        if (usual is not { } steps)
        {
            found.Add(FieldFault.Of("quality", request.Quality, "auto, standard or medium with this model, whose steps are in fields of its own"));
            return null;
        }
        steps = Math.Clamp((int)Math.Round(steps * share), 1, 1000);
        json["steps"] = steps;
        return steps;
    }

    /// <summary>Returns the steps of a request that states none; null for models without the field.</summary>
    private static int? UsualSteps(ModelCard card)
    {
        try
        {
            ResolvedRequest usual = ModelFamilies.Resolve(RequestReader.Read(new JsonObject { ["prompt"] = "" }), card);
            return usual.KnownFields.Contains("steps") ? usual.Steps : null;
        }
        catch (FieldFaultException)
        {
            // A model that makes no image from a prompt alone.
            return null;
        }
    }

    /// <summary>Returns the answer with all images of a job, once it ended.</summary>
    private async Task<JsonObject> ImagesAsync(OpenAiRequest request, StoredJob job, HttpContext context)
    {
        var images = new JsonArray();
        await foreach (JobEvent update in WatchAsync(job, context))
        {
            if (update.EventCase == JobEvent.EventOneofCase.Artifact)
            {
                images.Add(await ImageAsync(request, update.Artifact, context));
            }
        }
        JsonObject answer = About(request, job, "created");
        answer["data"] = images;
        return answer;
    }

    /// <summary>Returns the events of a stream. A failure is the last of them.</summary>
    private async IAsyncEnumerable<string> EventsAsync(
        OpenAiRequest request, OpenAiCall call, StoredJob job, HttpContext context, [EnumeratorCancellation] CancellationToken stop = default)
    {
        string kind = call == OpenAiCall.Generation ? "image_generation" : "image_edit";
        var sent = new Dictionary<int, int>();
        await using IAsyncEnumerator<JobEvent> updates = WatchAsync(job, context).GetAsyncEnumerator(stop);
        while (true)
        {
            JsonObject? made = null;
            string type = kind + ".partial_image";
            JsonObject? failure = null;
            try
            {
                if (!await updates.MoveNextAsync())
                {
                    yield break;
                }
                JobEvent update = updates.Current;
                if (update.EventCase == JobEvent.EventOneofCase.Preview && sent.GetValueOrDefault(update.Preview.Picture) < request.PartialImages)
                {
                    int index = sent[update.Preview.Picture] = sent.GetValueOrDefault(update.Preview.Picture) + 1;
                    made = About(request, job, "created_at");
                    made["partial_image_index"] = index - 1;
                    made["b64_json"] = Convert.ToBase64String(update.Preview.Data.Span);
                }
                else if (update.EventCase == JobEvent.EventOneofCase.Artifact)
                {
                    type = kind + ".completed";
                    made = About(request, job, "created_at");
                    foreach ((string name, JsonNode? value) in await ImageAsync(request, update.Artifact, context))
                    {
                        made[name] = value?.DeepClone();
                    }
                }
            }
            catch (Exception exception) when (exception is not OperationCanceledException || lifetime.ApplicationStopping.IsCancellationRequested)
            {
                RpcException answer = faults.Translate(exception, context.Request.Path);
                failure = OpenAiErrors.Envelope(
                    OpenAiErrors.TypeOf(Answers.HttpStatusOf(answer.StatusCode)), null, null, answer.Status.Detail);
            }
            if (failure is not null)
            {
                yield return $"event: error\ndata: {failure.ToJsonString()}\n\n";
                yield break;
            }
            if (made is not null)
            {
                made["type"] = type;
                yield return $"event: {type}\ndata: {made.ToJsonString()}\n\n";
            }
        }
    }

    /// <summary>Returns a job's events until it is done.</summary>
    /// <exception cref="RpcException">The job failed or was cancelled, or the gateway stops.</exception>
    private async IAsyncEnumerable<JobEvent> WatchAsync(StoredJob job, HttpContext context)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        await using IAsyncEnumerator<JobEvent> updates =
            jobs.WatchAsync(Callers.Of(context).Tenant, job.Definition.Id, 0, either.Token).GetAsyncEnumerator(either.Token);
        while (true)
        {
            try
            {
                if (!await updates.MoveNextAsync())
                {
                    yield break;
                }
            }
            catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
            {
                throw new RpcException(
                    new Grpc.Core.Status(StatusCode.Unavailable, $"the gateway is stopping; job {job.Definition.Id} continues: repeat the call"));
            }
            JobEvent update = updates.Current;
            if (update.EventCase == JobEvent.EventOneofCase.Failed)
            {
                throw new RpcException(new Grpc.Core.Status(StatusCode.Internal, $"job {job.Definition.Id} failed: {update.Failed.Error.Message}"));
            }
            if (update.EventCase == JobEvent.EventOneofCase.Cancelled)
            {
                throw new RpcException(new Grpc.Core.Status(StatusCode.Internal, $"job {job.Definition.Id} was cancelled"));
            }
            yield return update;
        }
    }

    /// <summary>Returns an image in the form that the call asked for.</summary>
    private async Task<JsonObject> ImageAsync(OpenAiRequest request, Artifact artifact, HttpContext context)
    {
        if (request.SendsLinks && !request.Streams)
        {
            (string path, _) = await signer.SignAsync(artifact.Id, ArtifactSigner.DefaultLifetime, context.RequestAborted);
            return new JsonObject { ["url"] = addresses.BaseOf(context) + path };
        }
        (_, byte[] bytes, _) = await jobs.FindArtifactAsync(Callers.Of(context).Tenant, artifact.Id, context.RequestAborted)
            ?? throw new RpcException(new Grpc.Core.Status(StatusCode.NotFound, ArtifactDownload.Missing(artifact.Id)));
        return new JsonObject { ["b64_json"] = Convert.ToBase64String(bytes) };
    }

    private static JsonObject About(OpenAiRequest request, StoredJob job, string time)
    {
        JsonObject made = job.Definition.Request;
        return new JsonObject
        {
            [time] = job.Definition.Created.ToUnixTimeSeconds(),
            ["background"] = "opaque",
            ["output_format"] = request.OutputFormat,
            ["quality"] = request.Quality,
            ["size"] = $"{made["width"]}x{made["height"]}",
        };
    }
}
