using System.Text.Json;
using Brownian.Hosting;
using Google.Protobuf.Reflection;
using Microsoft.AspNetCore.Grpc.JsonTranscoding;
using Microsoft.Extensions.Primitives;

namespace Brownian.Gateway.Requests;

/// <summary>
/// Query parameters of the JSON API. Parameters that the called message does not have, and values of another type, are refused with their fields.
/// Maps are supported, which JSON transcoding does not do: <c>labels.album=fruit</c>; and so are the short names of enum values, as the command line
/// has them: <c>states=done</c>.
/// </summary>
internal static class QueryParameters
{
    /// <summary>Refuses invalid parameters; passes all other calls on.</summary>
    public static async Task CheckAsync(HttpContext context, RequestDelegate next)
    {
        if (context.Request.Query.Count > 0 && context.GetEndpoint()?.Metadata.GetMetadata<GrpcJsonTranscodingMetadata>() is { } call)
        {
            MessageDescriptor message = call.MethodDescriptor.InputType;
            context.Request.Query = new QueryCollection(context.Request.Query.ToDictionary(
                parameter => parameter.Key,
                parameter => message.FindField(parameter.Key) is { FieldType: FieldType.Enum } field
                    ? new StringValues([.. parameter.Value.Select(value => NameOf(field.EnumType, value ?? ""))])
                    : parameter.Value));
            // When the body is the whole message, no fields are left for the query.
            bool takesAny = call.HttpRule.Body != "*";
            string known = string.Join(", ", message.Fields.InFieldNumberOrder().Select(field => field.IsMap ? field.Name + ".KEY" : field.Name));
            string why = "is not a parameter of this call, which takes " + (takesAny ? known.Length > 0 ? known : "none" : "its fields in the body");
            FieldFault[] faults =
            [
                .. context.Request.Query.Where(parameter => !takesAny || !IsKnown(message, parameter.Key))
                    .Select(parameter => new FieldFault(parameter.Key, why)),
                .. context.Request.Query.Where(
                    parameter =>
                        takesAny && parameter.Value.Count > 1 && IsKnown(message, parameter.Key)
                            && message.FindField(parameter.Key) is not { IsRepeated: true })
                    .Select(parameter => new FieldFault(parameter.Key, "is given twice")),
                .. context.Request.Query.Where(parameter => takesAny)
                    .SelectMany(
                        parameter =>
                            parameter.Value.Select(
                                value => (parameter.Key, Value: value ?? "", Allowed: AllowedInstead(message.FindField(parameter.Key), value ?? ""))))
                    .Where(given => given.Allowed is not null).Select(given => FieldFault.Of(given.Key, given.Value, given.Allowed!)),
            ];
            if (faults.Length > 0)
            {
                await JsonErrors.RefuseAsync(context, new FieldFaultException(faults));
                return;
            }
        }
        await next(context);
    }

    /// <summary>Returns the faults of a call that takes no parameters; null when it has none.</summary>
    public static FieldFaultException? AnyFault(HttpContext context) => context.Request.Query.Count == 0 ? null
        : new FieldFaultException(
            [.. context.Request.Query.Select(parameter => new FieldFault(parameter.Key, "is not a parameter of this call, which takes none"))]);

    /// <summary>Returns the entries of a map field in a call's query; empty for gRPC calls.</summary>
    /// <param name="context">The call.</param>
    /// <param name="field">The map's name.</param>
    public static IEnumerable<KeyValuePair<string, string>> MapOf(HttpContext context, string field)
    {
        foreach ((string name, StringValues values) in context.Request.Query)
        {
            if (name.StartsWith(field + ".", StringComparison.Ordinal))
            {
                yield return KeyValuePair.Create(name[(field.Length + 1)..], values[^1] ?? "");
            }
        }
    }

    /// <summary>Returns what a field allows when a value is not of its type; null when it is.</summary>
    private static string? AllowedInstead(FieldDescriptor? field, string value) => field?.FieldType switch
    {
        FieldType.Enum when !field.EnumType.Values.Any(
            known => known.Name == value || known.Number.ToString(CultureInfo.InvariantCulture) == value) =>
            string.Join(", ", field.EnumType.Values.Select(known => ShortName(field.EnumType, known.Name))),
        FieldType.Int32 when !int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _) => "whole numbers",
        FieldType.Bool when !bool.TryParse(value, out _) => "true or false",
        _ => null,
    };

    /// <summary>Returns the name of the value that a text names by its short name; the text itself for any other.</summary>
    private static string NameOf(EnumDescriptor type, string text) =>
        type.Values.FirstOrDefault(known => ShortName(type, known.Name) == text)?.Name ?? text;

    /// <summary>Returns the short name of a value, without the type's name: <c>done</c> for <c>JOB_STATE_DONE</c>.</summary>
    private static string ShortName(EnumDescriptor type, string name)
    {
        string prefix = JsonNamingPolicy.SnakeCaseUpper.ConvertName(type.Name) + "_";
        return (name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : name).ToLowerInvariant();
    }

    private static bool IsKnown(MessageDescriptor message, string name) =>
        message.FindField(name) is { IsMap: false }
            || (
                name.IndexOf('.', StringComparison.Ordinal) is > 0 and var dot && dot < name.Length - 1
                    && message.FindField(name[..dot]) is { IsMap: true });
}
