using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Requests.Schema;

namespace Brownian.Requests;

/// <summary>
/// Reads a request from JSON as defined by <see cref="RequestSchema"/>. Every fault is found, each with the field's name, the value and what is
/// allowed.
/// </summary>
public static class RequestReader
{
    private static readonly string[] KnownNames = [.. RequestSchema.Request.All.Concat(RequestSchema.Stages.All).Select(field => field.Name)];

    /// <summary>Reads a request.</summary>
    /// <exception cref="FieldFaultException">The request is invalid; contains every fault.</exception>
    public static GenerationRequest Read(JsonObject json) =>
        json["model"] is JsonArray { Count: > 0 } models ? ReadCascade(json, models) : ReadOne(json);

    /// <summary>Reads a request to one model, or to the first stage of a cascade.</summary>
    private static GenerationRequest ReadOne(JsonObject json)
    {
        var faults = new List<FieldFault>();
        faults.AddRange(json.Select(field => field.Key).Where(name => RequestSchema.Find(name) is null)
            .Select(name => new FieldFault(name, OtherNames.DescribeUnknown(name, KnownNames))));
        // Stage blocks are allowed in cascades only; faults inside them are reported along with their presence here.
        RequestSchema.Stages.Read(json, "", faults);
        var request = (GenerationRequest)RequestSchema.Request.Read(json, "", faults);
        IReadOnlyList<ulong>? seeds = ReadSeeds(request, json, faults);
        GenerationRequest? refiner = json["refiner"] is JsonObject block ? ReadRefiner(json, block, faults) : null;
        return faults.Count > 0 ? throw new FieldFaultException(faults) : request with
        {
            Task = json["task"] is null ? TaskOf(json) : request.Task,
            Seeds = seeds,
            Seed = null,
            Refiner = refiner,
            SetFields =
                [.. json.Where(field => field.Value is not null && !RequestSchema.IsNeutral(field.Key, field.Value)).Select(field => field.Key)],
        };
    }

    /// <summary>Returns the images' seeds from <c>seeds</c>, or from <c>seed</c> and <c>count</c>; null for random seeds.</summary>
    private static IReadOnlyList<ulong>? ReadSeeds(GenerationRequest request, JsonObject json, List<FieldFault> faults)
    {
        if (request.Seeds is not null && (request.Seed is not null || json["count"] is not null))
        {
            faults.Add(new FieldFault("seeds", "sets the number of images; seed and count cannot be given with it"));
        }
        if (request.Seed is not { } first)
        {
            return request.Seeds;
        }
        ulong most = ulong.MaxValue - (ulong)(request.Count - 1);
        if (first > most)
        {
            faults.Add(FieldFault.Of("seed", first, $"at most {most} with {request.Count} images"));
            return null;
        }
        return [.. Enumerable.Range(0, request.Count).Select(i => first + (ulong)i)];
    }

    /// <summary>Reads the refiner's request: its own fields, and the request's prompt, sizes, seeds and noise.</summary>
    private static GenerationRequest? ReadRefiner(JsonObject json, JsonObject block, List<FieldFault> faults)
    {
        JsonObject whole = Shared(json, FieldScope.SharedWithRefiner);
        whole["task"] = RequestTask.ImageToImage;
        CopyBlock(block, "refiner", FieldScope.Refiner, "a refiner", whole, faults);
        if (block["model"] is null)
        {
            faults.Add(new FieldFault("refiner.model", "is missing; allowed: a model's name"));
        }
        try
        {
            return Read(whole);
        }
        catch (FieldFaultException exception)
        {
            // Faults of shared fields are reported once, by the request itself.
            faults.AddRange(exception.Faults.Where(fault => RequestSchema.Is(fault.Field.Split('.')[0], FieldScope.Refiner))
                .Select(fault => new FieldFault("refiner." + fault.Field, fault.Message)));
            return null;
        }
    }

    /// <summary>Reads a cascade: its models in order, their shared fields, and a block for each stage.</summary>
    private static GenerationRequest ReadCascade(JsonObject json, JsonArray models)
    {
        if (models.Count > StageBlocks.MaxStages || models.Any(model => model?.GetValueKind() != JsonValueKind.String))
        {
            throw new FieldFaultException("model", models, $"a name, or a list of up to {StageBlocks.MaxStages} names: a cascade's stages in order");
        }
        var faults = new List<FieldFault>();
        string[] blocks = [.. Enumerable.Range(1, models.Count).Select(i => string.Create(CultureInfo.InvariantCulture, $"stage_{i}"))];
        CheckCascade(json, blocks, faults);
        var stages = new List<GenerationRequest>();
        for (int i = 0; i < blocks.Length; i++)
        {
            JsonObject whole = Shared(json, i == 0 ? FieldScope.SharedByStages | FieldScope.FirstStage : FieldScope.SharedByStages);
            whole["model"] = models[i]!.DeepClone();
            if (i > 0)
            {
                whole["task"] = RequestTask.Upscale;
            }
            CopyBlock(json[blocks[i]] as JsonObject ?? [], blocks[i], FieldScope.Stage, "a stage", whole, faults);
            try
            {
                GenerationRequest stage = ReadOne(whole);
                // Fields shared by all stages are dropped for a model that does not support them.
                stages.Add(
                    i == 0
                        ? stage
                        : stage with { SetFields = [.. stage.SetFields.Where(name => !RequestSchema.Is(name, FieldScope.SharedByStages))] });
            }
            catch (FieldFaultException exception)
            {
                // Faults of shared fields are reported once, by the first stage.
                faults.AddRange(exception.Faults
                    .Where(fault => i == 0 || RequestSchema.Is(fault.Field, FieldScope.Stage))
                    .Select(
                        fault =>
                            RequestSchema.Is(fault.Field, FieldScope.Stage) ? new FieldFault($"{blocks[i]}.{fault.Field}", fault.Message) : fault));
            }
        }
        var own = (StageBlocks)RequestSchema.Stages.Read(json, "", faults);
        string? stop = ReadStop(json, models.Count, faults);
        int?[] offsets = [0, own.Stage2SeedOffset, own.Stage3SeedOffset];
        return faults.Count > 0 ? throw new FieldFaultException(faults)
            : stages[0] with
            {
                CascadeStages = [.. stages.Skip(1).Select((stage, i) => stage with { SeedOffset = offsets[i + 1] ?? 0 })],
                StopAfter = stop
            };
    }

    /// <summary>Refuses fields that are not allowed at a cascade's top level.</summary>
    private static void CheckCascade(JsonObject json, string[] blocks, List<FieldFault> faults)
    {
        string[] known =
        [
            "model", "stop_after", .. RequestSchema.NamesIn(FieldScope.SharedByStages | FieldScope.FirstStage), .. blocks,
            .. blocks.Skip(1).Select(block => block + "_seed_offset"),
        ];
        foreach ((string name, JsonNode? value) in json)
        {
            if (!known.Contains(name) && value is not null && !RequestSchema.IsNeutral(name, value))
            {
                string where = RequestSchema.Is(name, FieldScope.Stage) ? $"belongs to a stage; allowed: within {string.Join(", ", blocks)}"
                    : RequestSchema.Find(name) is not null ? "is not supported by cascades"
                    : OtherNames.DescribeUnknown(name, known);
                faults.Add(new FieldFault(name, where));
            }
        }
    }

    private static string? ReadStop(JsonObject json, int stages, List<FieldFault> faults)
    {
        if (json["stop_after"] is not { } node)
        {
            return null;
        }
        string[] names = [.. Enumerable.Range(1, stages - 1).Select(i => string.Create(CultureInfo.InvariantCulture, $"stage-{i}"))];
        string? stop = node.GetValueKind() == JsonValueKind.String ? names.FirstOrDefault(name => name == node.GetValue<string>()) : null;
        if (stop is null)
        {
            faults.Add(FieldFault.Of("stop_after", node, string.Join(", ", names)));
        }
        return stop;
    }

    /// <summary>Copies a block's fields over those that it shares with the request, and refuses those that are not allowed in it.</summary>
    private static void CopyBlock(JsonObject block, string path, FieldScope scope, string owner, JsonObject whole, List<FieldFault> faults)
    {
        foreach ((string name, JsonNode? value) in block)
        {
            if (RequestSchema.Is(name, scope))
            {
                whole[name] = value?.DeepClone();
            }
            else
            {
                IReadOnlyCollection<string> known = [.. RequestSchema.NamesIn(scope)];
                faults.Add(new FieldFault($"{path}.{name}", OtherNames.DescribeUnknown(name, known, owner)));
            }
        }
    }

    /// <summary>Returns the fields of a scope that a request contains.</summary>
    private static JsonObject Shared(JsonObject json, FieldScope scope) => new(
        RequestSchema.NamesIn(scope).Where(name => json[name] is not null)
            .Select(name => KeyValuePair.Create(name, (JsonNode?)json[name]!.DeepClone())));

    /// <summary>Returns the task that follows from the given images.</summary>
    private static string TaskOf(JsonObject json) =>
        json["mask"] is not null ? RequestTask.Inpaint
        : json["interpolate"]?["images"] is not null ? RequestTask.Variation
        : json["init_image"] is not null || json["init_latents"] is not null ? RequestTask.ImageToImage
        : json["latents"] is not null ? RequestTask.Preview
        : RequestTask.TextToImage;
}
