using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Inference.Adapters;
using Brownian.Inference.Models;
using Brownian.Inference.Plans;
using Brownian.Inference.Stages;

namespace Brownian.Inference;

/// <summary>
/// What the first stages of a plan left for the others: tensors as they are and generators' states, from which a later run goes on with the
/// bytes of an uninterrupted one. A file of it is a safetensors file.
/// </summary>
/// <param name="Request">The request, with every default filled in.</param>
/// <param name="StopAfter">The stage after which the plan was stopped.</param>
/// <param name="Done">What tells the stages that were run from others.</param>
/// <param name="Pictures">What each picture's stages left, by <c>stage.output</c>.</param>
public sealed record KeptStages(JsonObject Request, string StopAfter, string Done, IReadOnlyList<IReadOnlyDictionary<string, List<StageValue>>> Pictures)
{
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
    public static KeptStages Read(byte[] bytes, string name)
    {
        try
        {
            SafetensorsFile file = SafetensorsFile.Parse(bytes, name);
            if (!file.Metadata.TryGetValue(RequestKey, out string? request) || !file.Metadata.TryGetValue(StopKey, out string? stop) || !file.Metadata.TryGetValue(DoneKey, out string? done))
            {
                throw new InvalidDataException("is no file that --stop-after wrote");
            }
            var pictures = new List<Dictionary<string, List<StageValue>>>();
            foreach (SafetensorsTensor tensor in file.Tensors.Values.OrderBy(tensor => tensor.Start))
            {
                if (tensor.Name.Split('/') is not [var place, var output, _] || !int.TryParse(place, NumberStyles.None, CultureInfo.InvariantCulture, out int picture) || picture > pictures.Count)
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
            return new KeptStages(JsonNode.Parse(request) as JsonObject ?? throw new JsonException("the request is no object"), stop, done, pictures);
        }
        catch (Exception exception) when (exception is ModelException or JsonException)
        {
            throw new InvalidDataException(exception.Message, exception);
        }
    }

    /// <summary>What tells a plan's first stages from others: what they are, and with which settings.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="last">The last of them.</param>
    internal static string DoneOf(Plan plan, int last) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        string.Join('\n', plan.Stages.Take(last + 1).Select(stage => $"{stage.Name} {stage.Kind} {stage.Model} {stage.Settings.ToJsonString()} {JsonSerializer.Serialize(stage.Inputs)}")))));
}
