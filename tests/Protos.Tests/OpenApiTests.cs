using System.Text.Json.Nodes;
using System.Xml.Linq;
using Brownian.V1;
using Google.Protobuf.Reflection;

namespace Brownian.Protos.Tests;

/// <summary>
/// docs/openapi.json and docs/openapi-operators.json, which gateways serve, have every call and field. After a change of the protos, this class run
/// with <c>BROWNIAN_WRITE_CONTRACT=1</c> in the environment writes them.
/// </summary>
public sealed class OpenApiTests
{
    private const string Variable = "BROWNIAN_WRITE_CONTRACT";

    private static readonly FileDescriptor[] Files =
        [GenerationReflection.Descriptor, ModelsReflection.Descriptor, AccessReflection.Descriptor, WorkersReflection.Descriptor];

    [Theory]
    [InlineData("openapi.json", false)]
    [InlineData("openapi-operators.json", true)]
    public void The_document_is_the_one_of_the_protos(string name, bool isOperators)
    {
        string document = Write(isOperators), file = Repository.Combine("docs", name);
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 })
        {
            File.WriteAllText(file, document);
        }
        Assert.Equal(document, File.ReadAllText(file));
    }

    [Fact]
    public void Every_reference_leads_to_a_schema()
    {
        foreach (bool isOperators in (bool[])[false, true])
        {
            JsonNode document = JsonNode.Parse(Write(isOperators))!;
            string[] references = [.. References(document).Distinct()];
            Assert.NotEmpty(references);
            Assert.All(references, reference => Assert.NotNull(
                reference.Split('/').Skip(1).Aggregate(document, (node, part) => node?[part]!)));
            // An id belongs to one call.
            string[] ids =
            [
                .. document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject()).Select(call => (string)call.Value!["operationId"]!),
            ];
            Assert.Equal(ids.Length, ids.Distinct(StringComparer.Ordinal).Count());
        }
    }

    private static IEnumerable<string> References(JsonNode? node) => node switch
    {
        JsonObject json => json.SelectMany(field => field.Key == "$ref" ? [field.Value!.ToString()] : References(field.Value)),
        JsonArray list => list.SelectMany(References),
        _ => [],
    };

    private static string Write(bool isOperators)
    {
        string version = XDocument.Load(Repository.Combine("Directory.Build.props")).Descendants("Version").Single().Value;
        var document = new OpenApiDocument(Files, version);
        ServiceDescriptor[] services =
        [
            .. Files.SelectMany(file => file.Services).Where(service => (service.Name is "Workers" or "Access") == isOperators),
        ];
        return isOperators
            ? document.Write(
                services, "Brownian, operators",
                "Workers, load, keys, tenants, usage and the audit log of a Brownian gateway.\n\nThese calls are at the operators' port, 5082. "
                    + "Callers need the operators' token, or a key of the role admin.",
                Health())
            : document.Write(
                services, "Brownian",
                "Images from prompts with diffusion models: jobs, their events, their images, uploads and models.\n\n"
                    + "These calls are at the gateway's port for JSON, 5080. Answers have the names of protobuf's JSON (`createTime`); "
                    + "bodies and queries also take the names of requests (`create_time`).",
                new JsonObject(
                [
                    KeyValuePair.Create("/v1/jobs/{id}/events", (JsonNode?)new JsonObject
                    {
                        ["get"] = OpenApiDocument.Get(
                            "WatchEvents", "Generation", "The events of a job as server-sent events, each a JobEvent in JSON", ["text/event-stream"],
                            OpenApiDocument.Parameter("id", "path", "The job's id"),
                            OpenApiDocument.Parameter("after_event", "query", "The number of the last event that the client has"),
                            OpenApiDocument.Parameter("Last-Event-ID", "header", "As after_event; browsers send it when they come back")),
                    }),
                    KeyValuePair.Create("/v1/artifacts/{id}", (JsonNode?)new JsonObject
                    {
                        ["get"] = Image("GetArtifactFile", "The file of an image", OpenApiDocument.Parameter("id", "path", "The image's id")),
                    }),
                    KeyValuePair.Create("/v1/signed/{id}", (JsonNode?)new JsonObject
                    {
                        ["get"] = Image(
                            "GetSignedFile", "The file of a signed link, without credentials",
                            OpenApiDocument.Parameter("id", "path", "The image's id"),
                            OpenApiDocument.Parameter("expires", "query", "When the link expires, in seconds since 1970"),
                            OpenApiDocument.Parameter("signature", "query", "The signature")),
                    }),
                    KeyValuePair.Create("/v1/request.schema.json", (JsonNode?)new JsonObject
                    {
                        ["get"] = OpenApiDocument.Get("GetRequestSchema", "Generation", "The JSON Schema of a request", ["application/schema+json"]),
                    }),
                    .. Health().Select(path => KeyValuePair.Create(path.Key, path.Value?.DeepClone())),
                ]));
    }

    private static JsonObject Image(string id, string summary, params JsonObject[] parameters) =>
        OpenApiDocument.Get(id, "Generation", summary, ["image/png", "image/jpeg", "image/webp"], parameters);

    private static JsonObject Health() => new()
    {
        ["/health/live"] = new JsonObject { ["get"] = OpenApiDocument.Get("GetLive", "Health", "Whether the process runs", ["text/plain"]) },
        ["/health/ready"] = new JsonObject
        {
            ["get"] = OpenApiDocument.Get("GetReady", "Health", "Whether the process can take calls; 503 with the reason when not", ["text/plain"]),
        },
    };
}
