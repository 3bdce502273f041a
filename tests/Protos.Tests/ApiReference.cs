using System.Text;
using Google.Api;
using Google.Protobuf.Reflection;

namespace Brownian.Protos.Tests;

/// <summary>Writes docs/api.md: every call, message and field of the public interface, with the comments of the proto files.</summary>
internal static class ApiReference
{
    private const string Request = "brownian.v1.GenerateRequest";

    /// <summary>Returns the page.</summary>
    /// <param name="files">The proto files that clients and operators use.</param>
    public static string Write(IReadOnlyList<FileDescriptor> files)
    {
        Dictionary<string, string> comments = files
            .SelectMany(file => ProtoComments.Read(Repository.Combine("protos", file.Name))).ToDictionary(StringComparer.Ordinal);
        var page = new StringBuilder(
            """
            # API reference

                brownian serve

            Every call, message and field of the interface, by gRPC and by JSON. [Clients](clients.md) has programs in three languages,
            [Serving](serving.md) the calls by `curl`; the fields of a request are on [their own page](request.md). This page is written from
            [`protos/brownian/v1`](../protos/brownian/v1) by a test, which fails where it differs.

            Calls of `Generation`, `Models` and `Account` are at the gateway's ports 5081 (gRPC) and 5080 (JSON, gRPC-Web), those of `Workers` and
            `Access` at the operators' ports 5083 and 5082. The gateway shows its calls at `http://127.0.0.1:5080/docs`, a page that makes calls,
            and describes them in OpenAPI 3.1: [`/openapi/v1.json`](openapi.json), and at port 5082
            [`/openapi/operators-v1.json`](openapi-operators.json). JSON has the names in the column `JSON`; queries and bodies also take the other
            ones.
            Beside the calls below, the JSON port has `GET /v1/jobs/{id}/events` (server-sent events of `JobEvent`), `GET /v1/artifacts/{id}` (an
            image's file), `GET /v1/request.schema.json`, `GET /health/live` and `GET /health/ready`. Numbers of 64 bits are numbers in the answers of
            calls and text in events, as in protobuf's JSON; bodies take both.

            """);
        foreach (ServiceDescriptor service in files.SelectMany(file => file.Services))
        {
            page.Append(CultureInfo.InvariantCulture, $"\n## {service.Name}\n\n{Comment(service.FullName, "")}");
            page.Append("| call | HTTP | request | answer | |\n|---|---|---|---|---|\n");
            foreach (MethodDescriptor method in service.Methods)
            {
                page.Append(
                    CultureInfo.InvariantCulture,
                    $"| `{method.Name}` | {Routes(method)} | {Stream(method.IsClientStreaming)}{Link(method.InputType)} | "
                    + $"{Stream(method.IsServerStreaming)}{Link(method.OutputType)} | {Cell(method.FullName)} |\n");
            }
        }
        page.Append("\n## Messages\n");
        foreach (MessageDescriptor message in files.SelectMany(file => file.MessageTypes).OrderBy(message => message.Name, StringComparer.Ordinal))
        {
            page.Append(CultureInfo.InvariantCulture, $"\n### {message.Name}\n\n{Comment(message.FullName, "")}");
            if (message.FullName == Request)
            {
                page.Append("The fields are those of [the request](request.md).\n");
                continue;
            }
            Fields(message);
        }
        page.Append("\n## Enums\n");
        foreach (EnumDescriptor known in files.SelectMany(file => file.EnumTypes).OrderBy(known => known.Name, StringComparer.Ordinal))
        {
            page.Append(CultureInfo.InvariantCulture, $"\n### {known.Name}\n\n{Comment(known.FullName, "")}| value | |\n|---|---|\n");
            foreach (EnumValueDescriptor value in known.Values)
            {
                page.Append(CultureInfo.InvariantCulture, $"| `{value.Name}` | {Cell(known.FullName + "." + value.Name)} |\n");
            }
        }
        return page.ToString();

        void Fields(MessageDescriptor message)
        {
            if (message.Fields.InDeclarationOrder().Count == 0)
            {
                page.Append("No fields.\n");
                return;
            }
            page.Append("| field | JSON | type | |\n|---|---|---|---|\n");
            foreach (FieldDescriptor field in message.Fields.InDeclarationOrder())
            {
                page.Append(CultureInfo.InvariantCulture, $"| `{field.Name}` | `{field.JsonName}` | {Type(field)} | {Cell(field.FullName)} |\n");
            }
        }

        string Comment(string name, string otherwise) => comments.TryGetValue(name, out string? text) ? text + "\n\n" : otherwise;

        string Cell(string name) => comments.GetValueOrDefault(name, "").Replace("|", "\\|", StringComparison.Ordinal);
    }

    private static string Stream(bool isStream) => isStream ? "stream of " : "";

    private static string Link(MessageDescriptor message) => message.FullName.StartsWith("brownian.", StringComparison.Ordinal)
        ? $"[{message.Name}](#{message.Name.ToLowerInvariant()})"
        : message.Name;

    private static string Type(FieldDescriptor field)
    {
        if (field.IsMap)
        {
            FieldDescriptor value = field.MessageType.Fields[2];
            return $"map of text to {Type(value)}";
        }
        string one = field.FieldType switch
        {
            FieldType.Message => Link(field.MessageType),
            FieldType.Enum => $"[{field.EnumType.Name}](#{field.EnumType.Name.ToLowerInvariant()})",
            FieldType.String => "text",
            FieldType.Bytes => "bytes; in JSON base64",
            _ => field.FieldType.ToString().ToLowerInvariant(),
        };
        return field.IsRepeated ? "list of " + one : one;
    }

    private static string Routes(MethodDescriptor method)
    {
        if (method.GetOptions()?.GetExtension(AnnotationsExtensions.Http) is not { } rule)
        {
            return "";
        }
        return string.Join("<br>", rule.AdditionalBindings.Prepend(rule).Select(binding => binding.PatternCase switch
        {
            HttpRule.PatternOneofCase.Get => $"`GET {binding.Get}`",
            HttpRule.PatternOneofCase.Post => $"`POST {binding.Post}`",
            HttpRule.PatternOneofCase.Put => $"`PUT {binding.Put}`",
            HttpRule.PatternOneofCase.Patch => $"`PATCH {binding.Patch}`",
            _ => $"`DELETE {binding.Delete}`",
        }));
    }
}
