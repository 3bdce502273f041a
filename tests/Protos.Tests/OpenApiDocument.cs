using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Brownian.Requests;
using Google.Api;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;

namespace Brownian.Protos.Tests;

/// <summary>
/// Writes the OpenAPI 3.1 documents of the interface by JSON (spec.openapis.org/oas/v3.1.1): the calls of the protos, their comments, the request's
/// own JSON Schema, and the calls beside them.
/// </summary>
/// <param name="files">The proto files of the port.</param>
/// <param name="version">The version of the programs.</param>
internal sealed partial class OpenApiDocument(IReadOnlyList<FileDescriptor> files, string version)
{
    private const string Json = "application/json";
    private const string Schemas = "#/components/schemas/";

    private static readonly JsonSerializerOptions Readable =
        new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Dictionary<string, string> _comments = files
        .SelectMany(file => ProtoComments.Read(Repository.Combine("protos", file.Name))).ToDictionary(StringComparer.Ordinal);

    private readonly SortedDictionary<string, JsonNode> _schemas = new(StringComparer.Ordinal);

    /// <summary>Returns the document.</summary>
    /// <param name="services">The services at the port.</param>
    /// <param name="title">The title.</param>
    /// <param name="description">What the interface is for, in Markdown.</param>
    /// <param name="others">The paths that are not of the protos.</param>
    public string Write(IReadOnlyList<ServiceDescriptor> services, string title, string description, JsonObject others)
    {
        var paths = new JsonObject();
        var tags = new JsonArray();
        foreach (ServiceDescriptor service in services)
        {
            tags.Add(Described(new JsonObject { ["name"] = service.Name }, service.FullName));
            foreach (MethodDescriptor method in service.Methods)
            {
                if (method.GetOptions()?.GetExtension(AnnotationsExtensions.Http) is { } rule)
                {
                    foreach (HttpRule binding in rule.AdditionalBindings.Prepend(rule))
                    {
                        (string verb, string path) = RouteOf(binding);
                        JsonObject item = paths[path] as JsonObject ?? [];
                        item[verb] = Operation(service, method, binding, verb, path);
                        paths[path] = item;
                    }
                }
            }
        }
        foreach ((string path, JsonNode? item) in others)
        {
            paths[path] = item!.DeepClone();
        }
        _schemas["Status"] = Status();
        var document = new JsonObject
        {
            ["openapi"] = "3.1.1",
            ["info"] = new JsonObject
            {
                ["title"] = title,
                ["version"] = version,
                ["summary"] = description.Split('\n')[0],
                ["description"] = description,
                ["license"] = new JsonObject { ["name"] = "MIT", ["identifier"] = "MIT" },
            },
            // Relative to the address of the document, so that it is the gateway's own.
            ["servers"] = new JsonArray(new JsonObject { ["url"] = "/", ["description"] = "This server" }),
            ["security"] = new JsonArray(new JsonObject { ["key"] = new JsonArray() }, new JsonObject()),
            ["tags"] = tags,
            ["paths"] = paths,
            ["components"] = new JsonObject
            {
                ["securitySchemes"] = new JsonObject
                {
                    ["key"] = new JsonObject
                    {
                        ["type"] = "http",
                        ["scheme"] = "bearer",
                        ["description"] = "An API key or a token, where the server requires one",
                    },
                },
                ["responses"] = new JsonObject
                {
                    ["error"] = new JsonObject
                    {
                        ["description"] = "The call failed; a google.rpc.Status with every fault of the request",
                        ["content"] = new JsonObject { [Json] = new JsonObject { ["schema"] = Reference("Status") } },
                    },
                },
                ["schemas"] = new JsonObject(_schemas.Select(schema => KeyValuePair.Create(schema.Key, (JsonNode?)schema.Value))),
            },
        };
        return document.ToJsonString(Readable) + "\n";
    }

    /// <summary>A path that returns a file or a text.</summary>
    /// <param name="id">The operation's id.</param>
    /// <param name="tag">The tag.</param>
    /// <param name="summary">What it returns.</param>
    /// <param name="mediaTypes">The media types of the answer.</param>
    /// <param name="parameters">Further parameters.</param>
    public static JsonObject Get(string id, string tag, string summary, string[] mediaTypes, params JsonObject[] parameters) => new()
    {
        ["operationId"] = id,
        ["tags"] = new JsonArray(tag),
        ["summary"] = summary,
        ["parameters"] = new JsonArray([.. parameters]),
        ["responses"] = new JsonObject
        {
            ["200"] = new JsonObject
            {
                ["description"] = summary,
                ["content"] = new JsonObject(mediaTypes.Select(type => KeyValuePair.Create(type, (JsonNode?)new JsonObject()))),
            },
            ["default"] = new JsonObject { ["$ref"] = "#/components/responses/error" },
        },
    };

    /// <summary>A parameter with text.</summary>
    public static JsonObject Parameter(string name, string place, string description) => new()
    {
        ["name"] = name,
        ["in"] = place,
        ["required"] = place == "path",
        ["description"] = description,
        ["schema"] = new JsonObject { ["type"] = "string" },
    };

    private JsonObject Operation(ServiceDescriptor service, MethodDescriptor method, HttpRule binding, string verb, string path)
    {
        HashSet<string> inPath = [.. PathParameter().Matches(path).Select(match => match.Groups[1].Value)];
        var operation = new JsonObject
        {
            // A second way to the same call has an id of its own.
            ["operationId"] = $"{method.Name}{(verb == "delete" ? "ByDelete" : "")}{(service.Name == "Generation" ? "" : service.Name)}",
            ["tags"] = new JsonArray(service.Name),
        };
        string comment = _comments.GetValueOrDefault(method.FullName, method.Name);
        operation["summary"] = FirstSentence().Match(comment).Value.TrimEnd('.');
        operation["description"] = comment;
        FieldDescriptor[] fields = [.. method.InputType.Fields.InDeclarationOrder()];
        bool hasBody = binding.Body == "*";
        operation["parameters"] = new JsonArray(
        [
            .. fields.Where(field => inPath.Contains(field.Name)).Select(field => Parameter(field, "path")),
            .. hasBody ? [] : fields.Where(field => !inPath.Contains(field.Name)).Select(field => Parameter(field, "query")),
        ]);
        if (hasBody)
        {
            JsonNode schema = inPath.Count == 0
                ? Message(method.InputType)
                : ObjectOf(method.InputType, fields.Where(field => !inPath.Contains(field.Name)));
            operation["requestBody"] = new JsonObject
            {
                ["required"] = inPath.Count == 0,
                ["content"] = new JsonObject { [Json] = new JsonObject { ["schema"] = schema } },
            };
        }
        operation["responses"] = new JsonObject
        {
            ["200"] = new JsonObject
            {
                ["description"] = "The answer",
                ["content"] = new JsonObject { [Json] = new JsonObject { ["schema"] = Message(method.OutputType) } },
            },
            ["default"] = new JsonObject { ["$ref"] = "#/components/responses/error" },
        };
        return operation;
    }

    private JsonObject Parameter(FieldDescriptor field, string place)
    {
        // Labels are given one by one, as labels.NAME=VALUE.
        JsonNode schema = field.IsMap ? Field(field.MessageType.Fields[2]) : Field(field);
        var parameter = new JsonObject
        {
            ["name"] = field.IsMap ? field.Name + ".{name}" : field.Name,
            ["in"] = place,
            ["required"] = place == "path",
            ["schema"] = schema,
        };
        return Described(parameter, field.FullName);
    }

    private JsonObject Message(MessageDescriptor message)
    {
        if (message == Struct.Descriptor)
        {
            return new JsonObject { ["type"] = "object" };
        }
        if (message == Timestamp.Descriptor)
        {
            return new JsonObject { ["type"] = "string", ["format"] = "date-time" };
        }
        if (message == Duration.Descriptor)
        {
            return new JsonObject { ["type"] = "string", ["pattern"] = @"^-?\d+(\.\d{1,9})?s$" };
        }
        if (!_schemas.ContainsKey(message.Name))
        {
            // Present before its fields, which may name it.
            _schemas[message.Name] = new JsonObject();
            _schemas[message.Name] = message.Name == "GenerateRequest"
                ? Request()
                : Described(ObjectOf(message, message.Fields.InDeclarationOrder()), message.FullName);
        }
        return Reference(message.Name);
    }

    private JsonObject ObjectOf(MessageDescriptor message, IEnumerable<FieldDescriptor> fields)
    {
        var properties = new JsonObject();
        foreach (FieldDescriptor field in fields)
        {
            JsonNode schema = Field(field);
            // A description beside a reference is allowed since OpenAPI 3.1.
            properties[field.JsonName] = Described((JsonObject)schema, field.FullName);
        }
        return new JsonObject { ["type"] = "object", ["title"] = message.Name, ["properties"] = properties };
    }

    private JsonNode Field(FieldDescriptor field)
    {
        if (field.IsMap)
        {
            return new JsonObject { ["type"] = "object", ["additionalProperties"] = Field(field.MessageType.Fields[2]) };
        }
        JsonNode one = field.FieldType switch
        {
            FieldType.Message => Message(field.MessageType),
            FieldType.Enum => Enum(field.EnumType),
            FieldType.String => new JsonObject { ["type"] = "string" },
            FieldType.Bytes => new JsonObject { ["type"] = "string", ["contentEncoding"] = "base64" },
            FieldType.Bool => new JsonObject { ["type"] = "boolean" },
            FieldType.Double or FieldType.Float => new JsonObject { ["type"] = "number" },
            FieldType.Int32 => new JsonObject { ["type"] = "integer", ["format"] = "int32" },
            // Numbers in the answers of calls, text in events; bodies take both.
            FieldType.Int64 or FieldType.UInt64 => new JsonObject { ["type"] = new JsonArray("integer", "string"), ["pattern"] = @"^-?\d+$" },
            _ => throw new InvalidOperationException($"{field.FullName} has a type that no document has"),
        };
        return field.IsRepeated ? new JsonObject { ["type"] = "array", ["items"] = one } : one;
    }

    private JsonObject Enum(EnumDescriptor known)
    {
        if (!_schemas.ContainsKey(known.Name))
        {
            _schemas[known.Name] = Described(
                new JsonObject { ["type"] = "string", ["enum"] = new JsonArray([.. known.Values.Select(value => JsonValue.Create(value.Name))]) },
                known.FullName);
        }
        return Reference(known.Name);
    }

    /// <summary>The request's own schema, whose references are relative to it.</summary>
    private static JsonObject Request()
    {
        string text = RequestSchema.ToJsonSchema().ToJsonString().Replace("\"#/", $"\"{Schemas}GenerateRequest/", StringComparison.Ordinal);
        JsonObject schema = JsonNode.Parse(text)!.AsObject();
        schema.Remove("$schema");
        return schema;
    }

    private static JsonObject Status() => new()
    {
        ["type"] = "object",
        ["title"] = "Status",
        ["description"] = "google.rpc.Status: why a call failed.",
        ["properties"] = new JsonObject
        {
            ["code"] = new JsonObject { ["type"] = "integer", ["description"] = "A google.rpc.Code." },
            ["message"] = new JsonObject { ["type"] = "string", ["description"] = "Every fault, each with its field." },
            ["details"] = new JsonObject
            {
                ["type"] = "array",
                ["description"] = "google.rpc.BadRequest with the faults, google.rpc.RetryInfo.",
                ["items"] = new JsonObject { ["type"] = "object" },
            },
        },
    };

    private JsonObject Described(JsonObject schema, string name)
    {
        if (_comments.TryGetValue(name, out string? comment))
        {
            schema["description"] = comment;
        }
        return schema;
    }

    private static JsonObject Reference(string name) => new() { ["$ref"] = Schemas + name };

    private static (string Verb, string Path) RouteOf(HttpRule rule) => rule.PatternCase switch
    {
        HttpRule.PatternOneofCase.Get => ("get", rule.Get),
        HttpRule.PatternOneofCase.Post => ("post", rule.Post),
        HttpRule.PatternOneofCase.Delete => ("delete", rule.Delete),
        _ => throw new InvalidOperationException($"{rule.PatternCase} has no form in a document"),
    };

    [GeneratedRegex(@"\{(\w+)\}")]
    private static partial Regex PathParameter();

    [GeneratedRegex(@"^.+?(?:[.:](?=\s)|$)", RegexOptions.Singleline)]
    private static partial Regex FirstSentence();
}
