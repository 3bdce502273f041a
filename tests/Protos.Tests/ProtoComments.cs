using System.Text.RegularExpressions;

namespace Brownian.Protos.Tests;

/// <summary>The comments of a proto file, by the full names of what they stand before. Descriptors of .NET have none.</summary>
internal static partial class ProtoComments
{
    /// <summary>Reads the comments of a file whose declarations begin their lines.</summary>
    public static Dictionary<string, string> Read(string file)
    {
        var comments = new Dictionary<string, string>(StringComparer.Ordinal);
        var scope = new List<string>();
        var lines = new List<string>();
        foreach (string line in File.ReadLines(file).Select(line => line.Trim()))
        {
            if (line.StartsWith("//", StringComparison.Ordinal))
            {
                lines.Add(line[2..].Trim());
                continue;
            }
            Match declaration = Declaration().Match(line);
            string name = declaration.Success ? declaration.Groups.Cast<Group>().Skip(1).First(group => group.Success).Value : "";
            if (line.StartsWith("package ", StringComparison.Ordinal))
            {
                scope.Add(line["package ".Length..].TrimEnd(';'));
            }
            else if (declaration.Success && lines.Count > 0)
            {
                string full = string.Join('.', scope.Where(part => part.Length > 0).Append(name));
                comments[full] = string.Join(' ', lines.Where(text => text.Length > 0));
            }
            lines.Clear();
            int opened = line.Count(character => character == '{') - line.Count(character => character == '}');
            if (opened > 0)
            {
                // Fields of a oneof belong to the message.
                scope.Add(line.StartsWith("oneof ", StringComparison.Ordinal) ? "" : name);
            }
            else if (opened < 0)
            {
                scope.RemoveAt(scope.Count - 1);
            }
        }
        return comments;
    }

    [GeneratedRegex(@"^(?:(?:service|message|enum|rpc|oneof|option) (\w+)|(?:optional |repeated )?[\w.]+(?:<[^>]+>)? (\w+) = \d+|(\w+) = \d+)")]
    private static partial Regex Declaration();
}
