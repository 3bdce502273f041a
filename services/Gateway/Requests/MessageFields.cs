using Google.Protobuf.Reflection;

namespace Brownian.Gateway.Requests;

/// <summary>Finds fields of messages by their JSON names: the name in the proto file, or lower camel case.</summary>
internal static class MessageFields
{
    /// <summary>Returns a message's field; null when it has none of that name.</summary>
    public static FieldDescriptor? FindField(this MessageDescriptor message, string name) =>
        message.FindFieldByName(name) ?? message.Fields.InFieldNumberOrder().FirstOrDefault(field => field.JsonName == name);

    /// <summary>Returns the names of a message's fields, for fault messages.</summary>
    public static IReadOnlyCollection<string> FieldNames(this MessageDescriptor message) =>
        [.. message.Fields.InFieldNumberOrder().Select(field => field.Name)];
}
