using Google.Protobuf.Reflection;

namespace Brownian.Testing.Contracts;

/// <summary>The wire contracts as lines of text, from the compiled descriptors: one line per field, enum value, method and reserved range.</summary>
internal static class Contract
{
    /// <summary>The sorted lines of some files.</summary>
    public static string[] Write(IEnumerable<FileDescriptor> files) =>
        [.. files.SelectMany(Lines).Order(StringComparer.Ordinal)];

    /// <summary>The lines of a snapshot that no longer hold, and the lines that are not in it yet.</summary>
    public static (string[] Broken, string[] Added) Compare(IReadOnlyCollection<string> snapshot, IReadOnlyCollection<string> now) =>
        (
            [
                .. snapshot.Except(now).Concat(
                    now.Where(line => IsReserved(line, snapshot))
                        .Select(line => line + " (its number or name is reserved)")).Order(StringComparer.Ordinal)
            ],
            [.. now.Except(snapshot).Order(StringComparer.Ordinal)]);

    private static IEnumerable<string> Lines(FileDescriptor file) =>
        file.MessageTypes.SelectMany(Lines).Concat(file.EnumTypes.SelectMany(Lines)).Concat(file.Services.SelectMany(Lines));

    private static IEnumerable<string> Lines(MessageDescriptor message)
    {
        if (message.IsMapEntry)
        {
            // Its field has a line.
            return [];
        }
        DescriptorProto proto = message.ToProto();
        return message.Fields.InDeclarationOrder().Select(Line)
            .Append($"message {message.FullName}")
            .Concat(proto.ReservedRange.Select(range => Line(message.FullName, range.Start, range.End - 1)))
            .Concat(proto.ReservedName.Select(name => $"reserved {message.FullName} \"{name}\""))
            .Concat(message.NestedTypes.SelectMany(Lines))
            .Concat(message.EnumTypes.SelectMany(Lines));
    }

    private static IEnumerable<string> Lines(EnumDescriptor type)
    {
        EnumDescriptorProto proto = type.ToProto();
        return type.Values.Select(value => Invariant($"value {type.FullName} = {value.Number} {value.Name}"))
            .Concat(proto.ReservedRange.Select(range => Line(type.FullName, range.Start, range.End)))
            .Concat(proto.ReservedName.Select(name => $"reserved {type.FullName} \"{name}\""));
    }

    private static IEnumerable<string> Lines(ServiceDescriptor service) => service.Methods.Select(method =>
        $"method {method.FullName} ({(method.IsClientStreaming ? "stream " : "")}{method.InputType.FullName}) returns "
            + $"({(method.IsServerStreaming ? "stream " : "")}{method.OutputType.FullName})");

    private static string Line(FieldDescriptor field)
    {
        string label = field.IsMap ? "map"
            : field.IsRepeated ? "repeated"
            : field.RealContainingOneof is { } one ? $"oneof {one.Name}"
            : field.HasPresence ? "optional"
            : "single";
        string type = field.IsMap ? $"{Type(field.MessageType.FindFieldByNumber(1))}, {Type(field.MessageType.FindFieldByNumber(2))}" : Type(field);
        return Invariant($"field {field.ContainingType.FullName} = {field.FieldNumber} {field.Name}: {label} {type}, json {field.JsonName}");
    }

    private static string Type(FieldDescriptor field) => field.FieldType switch
    {
        FieldType.Message => field.MessageType.FullName,
        FieldType.Enum => field.EnumType.FullName,
        _ => field.FieldType.ToString().ToLowerInvariant(),
    };

    private static string Line(string type, int first, int last) => Invariant($"reserved {type} {first}..{last}");

    /// <summary>
    /// Whether a field or value uses a number or name that the snapshot reserves. The compiler refuses that too, unless the reservation was removed.
    /// </summary>
    private static bool IsReserved(string line, IReadOnlyCollection<string> snapshot)
    {
        if (line.Split(' ') is not ["field" or "value", string type, "=", string number, string name, ..])
        {
            return false;
        }
        int taken = int.Parse(number, CultureInfo.InvariantCulture);
        return snapshot.Any(kept => kept.Split(' ') is ["reserved", string owner, string range] && owner == type
            && (range == $"\"{name.TrimEnd(':')}\"" || (range.Split("..") is [string first, string last]
                && int.Parse(first, CultureInfo.InvariantCulture) <= taken && taken <= int.Parse(last, CultureInfo.InvariantCulture))));
    }

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
