using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Formats.Files;
using Brownian.Formats.Safetensors;
using Brownian.Models.Plans;
using Brownian.Models.Stages;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>
/// The outputs of a plan's first stages for the remaining ones: tensors without loss, and generators' states. A later run that resumes from them
/// produces the same bytes as an uninterrupted one. It is stored as a safetensors file.
/// </summary>
/// <param name="Request">The original request, with its seeds. A later run resumes it.</param>
/// <param name="StopAfter">The stage after which the plan was stopped.</param>
/// <param name="Done">The hash that identifies the stages that were run.</param>
/// <param name="Images">The outputs for each image, by <c>stage.output</c>.</param>
public sealed record PartialResult(
    JsonObject Request, string StopAfter, string Done, IReadOnlyList<IReadOnlyDictionary<string, List<StageValue>>> Images)
{
    /// <summary>The media type of the file.</summary>
    public const string MediaType = "application/x-safetensors";

    private const string RequestKey = "brownian.request", StopKey = "brownian.stop_after", DoneKey = "brownian.done";

    /// <summary>Returns the bytes of the file.</summary>
    public byte[] ToBytes() => SafetensorsFile.Write(
        new Dictionary<string, string> { [RequestKey] = Request.ToJsonString(), [StopKey] = StopAfter, [DoneKey] = Done },
        [
            .. from image in Images.Index()
               from output in image.Item.OrderBy(output => output.Key, StringComparer.Ordinal)
               from value in output.Value.Index()
               select (
                   string.Create(CultureInfo.InvariantCulture, $"{image.Index}/{output.Key}/{value.Index}"),
                   value.Item.Dtype == StageDtype.Float32 ? "F32" : "U8",
                   value.Item.Shape,
                   value.Item.Bytes),
        ]);

    /// <summary>Reads a file.</summary>
    /// <param name="bytes">The bytes of the whole file.</param>
    /// <param name="name">The file's name in error messages.</param>
    /// <exception cref="InvalidDataException">The file is not a partial result, or is damaged.</exception>
    public static PartialResult Read(byte[] bytes, string name)
    {
        try
        {
            SafetensorsFile file = SafetensorsFile.Parse(bytes, name);
            if (!file.Metadata.TryGetValue(RequestKey, out string? request) || !file.Metadata.TryGetValue(StopKey, out string? stop)
                || !file.Metadata.TryGetValue(DoneKey, out string? done))
            {
                throw new InvalidDataException("is not a file of --stop-after");
            }
            var images = new List<Dictionary<string, List<StageValue>>>();
            foreach (SafetensorsTensor tensor in file.Tensors.Values.OrderBy(tensor => tensor.Start))
            {
                if (tensor.Name.Split('/') is not [var place, var output, _]
                    || !int.TryParse(place, NumberStyles.None, CultureInfo.InvariantCulture, out int imageIndex) || imageIndex > images.Count)
                {
                    throw new InvalidDataException($"contains \"{tensor.Name}\", which is not an output of --stop-after");
                }
                if (tensor.Dtype is not ("F32" or "U8"))
                {
                    throw new InvalidDataException($"contains \"{tensor.Name}\" of {tensor.Dtype}; allowed: F32, U8");
                }
                if (imageIndex == images.Count)
                {
                    images.Add(new Dictionary<string, List<StageValue>>(StringComparer.Ordinal));
                }
                if (!images[imageIndex].TryGetValue(output, out List<StageValue>? values))
                {
                    images[imageIndex][output] = values = [];
                }
                values.Add(new StageValue(tensor.Dtype == "F32" ? StageDtype.Float32 : StageDtype.UInt8, tensor.Shape, file.Bytes(tensor)));
            }
            return new PartialResult(RequestJson.Parse(Encoding.UTF8.GetBytes(request)), stop, done, images);
        }
        catch (Exception exception) when (exception is ModelException or FieldFaultException)
        {
            throw new InvalidDataException(exception.Message, exception);
        }
    }

    /// <summary>Returns the index of the stage after which a plan is stopped. Other stages must follow it.</summary>
    /// <exception cref="FieldFaultException">The plan has no such stage.</exception>
    public static int LastOf(Plan plan, string name) => plan.LastOf(name) is { } last && last < plan.Stages.Count - 1
        ? last
        : throw new FieldFaultException(
            FieldFault.Of(
                "stop_after", name,
                "a stage that is not the last one: " + string.Join(", ", plan.Stages.SkipLast(1).Select(stage => stage.Name))));

    /// <summary>Returns the outputs of the stages up to an index that later stages of the plan need.</summary>
    public static HashSet<string> WantedAfter(Plan plan, int last)
    {
        HashSet<string> done = [.. plan.Stages.Take(last + 1).Select(stage => stage.Name)];
        return [.. plan.Stages.Skip(last + 1).SelectMany(stage => stage.Inputs.Values).Where(source => done.Contains(source.Split('.')[0]))];
    }

    /// <summary>Returns the hash that identifies a plan's first stages and their settings.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="last">The index of the last of these stages.</param>
    /// <param name="images">The images that the settings name. They are identified by their content.</param>
    public static string DoneOf(Plan plan, int last, RequestImages images)
    {
        string done = string.Join(
            '\n',
            plan.Stages.Take(last + 1).Select(
                stage => $"{stage.Name} {stage.Kind} {stage.Model} {stage.Settings.ToJsonString()} {JsonSerializer.Serialize(stage.Inputs)}"));
        foreach (RequestImage image in images.All.Where(image => image.Content.Length > 0))
        {
            done = done.Replace(JsonSerializer.Serialize(image.Id), JsonSerializer.Serialize(image.Content), StringComparison.Ordinal);
        }
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(done)));
    }

    /// <summary>
    /// Returns a plan that ends after <see cref="GenerationRequest.StopAfter"/> and writes a file of the outputs that the other stages need.
    /// </summary>
    /// <param name="plan">The complete plan.</param>
    /// <param name="request">The plan's request.</param>
    /// <param name="requested">See <see cref="Request"/>.</param>
    /// <exception cref="FieldFaultException">The plan has no such stage.</exception>
    public static Plan Stop(Plan plan, ResolvedRequest request, JsonObject requested)
    {
        string name = request.Request.StopAfter!;
        int last = LastOf(plan, name);
        var kept = new PartialResultSettings
        {
            Request = requested,
            StopAfter = name,
            Done = DoneOf(plan, last, request.Images),
            Images = request.Seeds.Count
        };
        var write = new PlanStage
        {
            Name = "write",
            Kind = StageKind.Write,
            Settings = StageSettings.Write(
                new WriteSettings { Output = request.Request.Output, Parameters = new InfotextTemplate("", ""), Seeds = request.Seeds, Keep = kept }),
            Inputs = WantedAfter(plan, last).ToDictionary(source => source),
        };
        return new Plan { Stages = [.. plan.Stages.Take(last + 1), write] };
    }

    /// <summary>Returns the original request with its seeds and its models' names, so that it can be resumed later.</summary>
    /// <param name="requested">The original request.</param>
    /// <param name="resolved">The resolved request.</param>
    /// <param name="models">The names of the models, a cascade's in order.</param>
    public static JsonObject ToResumable(JsonObject requested, ResolvedRequest resolved, IReadOnlyList<string> models)
    {
        JsonObject request = requested.DeepClone().AsObject();
        foreach (string field in (string[])["stop_after", "seed", "count"])
        {
            request.Remove(field);
        }
        // All frames share one seed, which is stored once.
        request["seeds"] =
            new JsonArray([.. (request["interpolate"] is null ? resolved.Seeds : resolved.Seeds.Take(1)).Select(seed => JsonValue.Create(seed))]);
        request["model"] = models is [var only] ? only : new JsonArray([.. models.Select(model => JsonValue.Create(model))]);
        return request;
    }

    /// <summary>Returns the rest of a plan, with a first stage that provides the stored outputs.</summary>
    /// <param name="plan">The complete plan.</param>
    /// <param name="request">The plan's request.</param>
    /// <param name="id">The id by which stages request this file.</param>
    /// <exception cref="FieldFaultException">The stored outputs are those of another request.</exception>
    public Plan Resume(Plan plan, ResolvedRequest request, string id)
    {
        const string First = "kept";
        int last = Require(plan, request);
        PlanStage next = plan.Stages.Skip(last + 1).FirstOrDefault(stage => stage.Model is not null) ?? plan.Stages[last];
        var bring = new PlanStage
        {
            Name = First,
            Kind = StageKind.VaeEncode,
            Model = next.Model,
            Fingerprint = next.Fingerprint,
            Settings = StageSettings.Write(new VaeEncodeSettings { Kept = id }),
        };
        HashSet<string> expected = WantedAfter(plan, last);
        return new Plan
        {
            Stages =
            [
                bring,
                .. plan.Stages.Skip(last + 1).Select(stage => stage with
                {
                    Inputs = stage.Inputs.ToDictionary(
                        input => input.Key, input => expected.Contains(input.Value) ? $"{First}.{NameOf(input.Value)}" : input.Value),
                }),
            ],
        };
    }

    /// <summary>Returns the index of the last stage that this partial result replaces.</summary>
    /// <exception cref="FieldFaultException">It is of another request.</exception>
    public int Require(Plan plan, ResolvedRequest request)
    {
        if (plan.LastOf(StopAfter) is not { } last || last == plan.Stages.Count - 1 || DoneOf(plan, last, request.Images) != Done
            || Images.Count != request.Seeds.Count)
        {
            throw new FieldFaultException(
                new FieldFault("from", $"is the output of {StopAfter} in another request: the settings up to that stage must be the same"));
        }
        HashSet<string> expected = WantedAfter(plan, last);
        return Images.All(
            image => expected.SetEquals(image.Keys) && image.Values.All(values => values.Count == 1 || values.Count == Images.Count))
            ? last
            : throw new FieldFaultException(
                new FieldFault(
                    "from",
                    $"does not contain the output of {StopAfter}: {string.Join(", ", expected.Order(StringComparer.Ordinal))}, of each image"));
    }

    /// <summary>Returns an output's value for an image: its own, or the one for all images.</summary>
    public StageValue ValueOf(int imageIndex, string source) =>
        Images[imageIndex][source] is var values && values.Count == 1 ? values[0] : values[imageIndex];

    /// <summary>Returns the name of an earlier stage's output among the outputs of the stage that provides it.</summary>
    public static string NameOf(string source) => source.Replace('.', '-');
}
