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
/// What the first stages of a plan left for the others: tensors as they are and generators' states, from which a later run goes on with the
/// bytes of an uninterrupted one. A file of it is a safetensors file.
/// </summary>
/// <param name="Request">The request as it was asked, with its seeds: a later run goes on from it.</param>
/// <param name="StopAfter">The stage after which the plan was stopped.</param>
/// <param name="Done">What tells the stages that were run from others.</param>
/// <param name="Pictures">What each picture's stages left, by <c>stage.output</c>.</param>
public sealed record PartialResult(
    JsonObject Request, string StopAfter, string Done, IReadOnlyList<IReadOnlyDictionary<string, List<StageValue>>> Pictures)
{
    /// <summary>What a file of it is called.</summary>
    public const string MediaType = "application/x-safetensors";

    private const string RequestKey = "brownian.request", StopKey = "brownian.stop_after", DoneKey = "brownian.done";

    /// <summary>The file's bytes.</summary>
    public byte[] ToBytes() => SafetensorsFile.Write(
        new Dictionary<string, string> { [RequestKey] = Request.ToJsonString(), [StopKey] = StopAfter, [DoneKey] = Done },
        [
            .. from picture in Pictures.Index()
               from output in picture.Item.OrderBy(output => output.Key, StringComparer.Ordinal)
               from value in output.Value.Index()
               select (
                   string.Create(CultureInfo.InvariantCulture, $"{picture.Index}/{output.Key}/{value.Index}"),
                   value.Item.Dtype == StageDtype.Float32 ? "F32" : "U8",
                   value.Item.Shape,
                   value.Item.Bytes),
        ]);

    /// <summary>Reads a file.</summary>
    /// <param name="bytes">All of it.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="InvalidDataException">It is no such file, or damaged.</exception>
    public static PartialResult Read(byte[] bytes, string name)
    {
        try
        {
            SafetensorsFile file = SafetensorsFile.Parse(bytes, name);
            if (!file.Metadata.TryGetValue(RequestKey, out string? request) || !file.Metadata.TryGetValue(StopKey, out string? stop)
                || !file.Metadata.TryGetValue(DoneKey, out string? done))
            {
                throw new InvalidDataException("is no file that --stop-after wrote");
            }
            var pictures = new List<Dictionary<string, List<StageValue>>>();
            foreach (SafetensorsTensor tensor in file.Tensors.Values.OrderBy(tensor => tensor.Start))
            {
                if (tensor.Name.Split('/') is not [var place, var output, _]
                    || !int.TryParse(place, NumberStyles.None, CultureInfo.InvariantCulture, out int picture) || picture > pictures.Count)
                {
                    throw new InvalidDataException($"holds \"{tensor.Name}\", which --stop-after does not write");
                }
                if (picture == pictures.Count)
                {
                    pictures.Add(new Dictionary<string, List<StageValue>>(StringComparer.Ordinal));
                }
                if (!pictures[picture].TryGetValue(output, out List<StageValue>? values))
                {
                    pictures[picture][output] = values = [];
                }
                values.Add(new StageValue(tensor.Dtype == "F32" ? StageDtype.Float32 : StageDtype.UInt8, tensor.Shape, file.Bytes(tensor)));
            }
            return new PartialResult(RequestJson.Parse(Encoding.UTF8.GetBytes(request)), stop, done, pictures);
        }
        catch (Exception exception) when (exception is ModelException or FieldFaultException)
        {
            throw new InvalidDataException(exception.Message, exception);
        }
    }

    /// <summary>The place of the stage after which a plan is stopped: one that others follow.</summary>
    /// <exception cref="FieldFaultException">There is none of the name.</exception>
    public static int LastOf(Plan plan, string name) => plan.LastOf(name) is { } last && last < plan.Stages.Count - 1
        ? last
        : throw new FieldFaultException(
            FieldFault.Of(
                "stop_after", name,
                "a stage of the request that others follow: " + string.Join(", ", plan.Stages.SkipLast(1).Select(stage => stage.Name))));

    /// <summary>What the stages after one of a plan need of those up to it.</summary>
    public static HashSet<string> WantedAfter(Plan plan, int last)
    {
        HashSet<string> done = [.. plan.Stages.Take(last + 1).Select(stage => stage.Name)];
        return [.. plan.Stages.Skip(last + 1).SelectMany(stage => stage.Inputs.Values).Where(source => done.Contains(source.Split('.')[0]))];
    }

    /// <summary>What tells a plan's first stages from others: what they are, and with which settings.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="last">The last of them.</param>
    /// <param name="images">The images that the settings name; they are told by what is in them.</param>
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

    /// <summary>A plan that ends after <see cref="GenerationRequest.StopAfter"/>, with a file of what the other stages need.</summary>
    /// <param name="plan">The whole plan.</param>
    /// <param name="request">Whose it is.</param>
    /// <param name="asked">As of <see cref="Request"/>.</param>
    /// <exception cref="FieldFaultException">It has no such stage.</exception>
    public static Plan Stop(Plan plan, ResolvedRequest request, JsonObject asked)
    {
        string name = request.Request.StopAfter!;
        int last = LastOf(plan, name);
        var kept = new PartialResultSettings
        {
            Request = asked,
            StopAfter = name,
            Done = DoneOf(plan, last, request.Images),
            Pictures = request.Seeds.Count
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

    /// <summary>A request as it was asked, with its seeds and its models' names, so that it can be gone on with later.</summary>
    /// <param name="asked">The request.</param>
    /// <param name="resolved">What it meant.</param>
    /// <param name="models">What its models are called, a cascade's in order.</param>
    public static JsonObject ToResumable(JsonObject asked, ResolvedRequest resolved, IReadOnlyList<string> models)
    {
        JsonObject request = asked.DeepClone().AsObject();
        foreach (string field in (string[])["stop_after", "seed", "count"])
        {
            request.Remove(field);
        }
        // All frames have one seed, and say so once.
        request["seeds"] =
            new JsonArray([.. (request["interpolate"] is null ? resolved.Seeds : resolved.Seeds.Take(1)).Select(seed => JsonValue.Create(seed))]);
        request["model"] = models is [var only] ? only : new JsonArray([.. models.Select(model => JsonValue.Create(model))]);
        return request;
    }

    /// <summary>The rest of a plan: its first stage brings what was kept.</summary>
    /// <param name="plan">The whole plan.</param>
    /// <param name="request">Whose it is.</param>
    /// <param name="id">What stages ask for this file by.</param>
    /// <exception cref="FieldFaultException">What was kept is of another request.</exception>
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
        HashSet<string> wanted = WantedAfter(plan, last);
        return new Plan
        {
            Stages =
            [
                bring,
                .. plan.Stages.Skip(last + 1).Select(stage => stage with
                {
                    Inputs = stage.Inputs.ToDictionary(
                        input => input.Key, input => wanted.Contains(input.Value) ? $"{First}.{NameOf(input.Value)}" : input.Value),
                }),
            ],
        };
    }

    /// <summary>The last stage that this stands for.</summary>
    /// <exception cref="FieldFaultException">It is of another request.</exception>
    public int Require(Plan plan, ResolvedRequest request)
    {
        if (plan.LastOf(StopAfter) is not { } last || last == plan.Stages.Count - 1 || DoneOf(plan, last, request.Images) != Done
            || Pictures.Count != request.Seeds.Count)
        {
            throw new FieldFaultException(
                new FieldFault("from", $"was left after {StopAfter} of another request: up to there everything must be the same"));
        }
        HashSet<string> wanted = WantedAfter(plan, last);
        return Pictures.All(
            picture => wanted.SetEquals(picture.Keys) && picture.Values.All(values => values.Count == 1 || values.Count == Pictures.Count))
            ? last
            : throw new FieldFaultException(
                new FieldFault(
                    "from", $"does not hold what {StopAfter} leaves: {string.Join(", ", wanted.Order(StringComparer.Ordinal))}, of each picture"));
    }

    /// <summary>What an output holds for an image: its own value, or the one for all.</summary>
    public StageValue ValueOf(int picture, string source) =>
        Pictures[picture][source] is var values && values.Count == 1 ? values[0] : values[picture];

    /// <summary>What an output of an earlier stage is called where a stage of its own brings it.</summary>
    public static string NameOf(string source) => source.Replace('.', '-');
}
