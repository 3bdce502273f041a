using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Brownian.Observability.Tests;

/// <summary>The expressions of the rules, the alerts and the dashboards.</summary>
internal static partial class Expressions
{
    private static readonly string Folder = Repository.Combine("helm", "brownian", "files");

    /// <summary>The file of the rules.</summary>
    public static string Rules { get; } = File.ReadAllText(Path.Combine(Folder, "rules.yaml"));

    /// <summary>The names of the alerts.</summary>
    public static IReadOnlyList<string> Alerts { get; } = [.. Alert().Matches(Rules).Select(match => match.Groups["name"].Value)];

    /// <summary>
    /// The expressions of the rules, with the name of each. Of an alert it is the left side of its comparison, which has values on a healthy
    /// platform.
    /// </summary>
    public static IReadOnlyDictionary<string, string> OfRules { get; } = Rule().Matches(Rules).ToDictionary(
        match => match.Groups["name"].Value, match => Comparison().Replace(match.Groups["expression"].Value, ""));

    /// <summary>The dashboards' files.</summary>
    public static IEnumerable<string> Dashboards => Directory.GetFiles(Path.Combine(Folder, "dashboards"), "*.json").Order(StringComparer.Ordinal);

    /// <summary>The expressions of the panels of a dashboard, with the dashboard's file and the panel's title.</summary>
    /// <param name="file">The dashboard.</param>
    /// <param name="range">The range of rates.</param>
    public static IEnumerable<(string Name, string Expression)> OfPanels(string file, string range) =>
        from panel in JsonNode.Parse(File.ReadAllText(file))!["panels"]!.AsArray()
        from target in panel["targets"]!.AsArray()
        select (
            $"{Path.GetFileName(file)}: {panel["title"]}",
            ((string)target["expr"]!).Replace("$__rate_interval", range, StringComparison.Ordinal)
                .Replace("$model", ".*", StringComparison.Ordinal).Replace("$namespace", ".*", StringComparison.Ordinal)
                .Replace("$kind", ".*", StringComparison.Ordinal));

    /// <summary>Divides every duration of rules.</summary>
    /// <param name="rules">The rules.</param>
    /// <param name="factor">A divisor of every number of seconds.</param>
    public static string Shorten(string rules, int factor) => Duration().Replace(
        rules,
        match => match.Groups["before"].Value + (60 * int.Parse(match.Groups["minutes"].Value, CultureInfo.InvariantCulture) / factor)
            .ToString(CultureInfo.InvariantCulture) + "s");

    [GeneratedRegex(@"- alert: (?<name>\w+)")]
    private static partial Regex Alert();

    [GeneratedRegex(@"- (alert|record): (?<name>[\w:]+)\n\s+expr: (?<expression>.*)\n")]
    private static partial Regex Rule();

    [GeneratedRegex(@" [<>] [0-9.]+$")]
    private static partial Regex Comparison();

    [GeneratedRegex(@"(?<before>for: |\[)(?<minutes>[0-9]+)m")]
    private static partial Regex Duration();
}
