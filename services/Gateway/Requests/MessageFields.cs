using Google.Protobuf.Reflection;

namespace Brownian.Gateway.Requests;

/// <summary>Fields of messages by the names that JSON has for them: as they stand in the protos, or in lower camel case.</summary>
internal static class MessageFields
{
    /// <summary>A message's field; null where it has none of the name.</summary>
    public static FieldDescriptor? FindField(this MessageDescriptor message, string name) =>
        message.FindFieldByName(name) ?? message.Fields.InFieldNumberOrder().FirstOrDefault(field => field.JsonName == name);

    /// <summary>The names of a message's fields, for messages of faults.</summary>
    public static string FieldNames(this MessageDescriptor message) =>
        string.Join(", ", message.Fields.InFieldNumberOrder().Select(field => field.Name));
}
