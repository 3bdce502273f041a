using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Brownian.Jobs.Records;
using Brownian.Models.Plans;
using Brownian.Tests.Programs;

namespace Brownian.Wire.Tests;

/// <summary>
/// Plans and records that are stored, or written into files by <c>stop_after</c>, are read by later versions. <c>stored.txt</c> holds the JSON name
/// of every property and of every enum value that any version wrote. After an addition, run the test with <c>BROWNIAN_WRITE_CONTRACT=1</c>.
/// </summary>
public sealed partial class StoredNamesTests
{
    private const string Variable = "BROWNIAN_WRITE_CONTRACT";

    private static readonly string File = Repository.Combine("tests", "Wire.Tests", "stored.txt");

    private static readonly string Defaults = Repository.Combine("tests", "Wire.Tests", "defaults.txt");

    [Fact]
    public void No_name_that_is_stored_is_removed_or_renamed()
    {
        string[] before = System.IO.File.Exists(File) ? System.IO.File.ReadAllLines(File) : [];
        string[] now = Names();

        Assert.Empty(before.Except(now));
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 })
        {
            System.IO.File.WriteAllLines(File, now);
            return;
        }
        Assert.Empty(now.Except(before));
    }

    [Theory]
    [MemberData(nameof(ContractTests.Settings), MemberType = typeof(ContractTests))]
    public void A_setting_that_is_not_set_adds_nothing_to_the_plans_of_earlier_versions(string settings)
    {
        Type type = typeof(StageSettings).Assembly.GetType(settings)!;
        var names = new SortedSet<string>(StringComparer.Ordinal);
        var written = JsonNode.Parse((string)Method(typeof(StageSettings), nameof(StageSettings.WriteText), type)
            .Invoke(null, [ContractTests.New().OnlyRequired(type)])!)!.AsObject();
        Add(type.Name, written, names);
        string[] before = [.. System.IO.File.ReadAllLines(Defaults).Where(line => line.StartsWith(type.Name + " ", StringComparison.Ordinal))];
        string[] now = [.. names];
        if (before.Length == 0 && Environment.GetEnvironmentVariable(Variable) is { Length: > 0 })
        {
            // New settings have no earlier plans.
            System.IO.File.AppendAllLines(Defaults, now.DefaultIfEmpty(type.Name + " "));
            return;
        }

        Assert.True(
            now.SequenceEqual(before.Where(line => !line.EndsWith(' ')).Order(StringComparer.Ordinal)),
            $"Files of stop_after contain hashes of plans. Mark a new property of {type.Name} with [JsonIgnore(Condition = WhenWritingDefault)], so "
                + $"that a plan without it stays the same. Written without a value: {string.Join(", ", now)}; before: {string.Join(", ", before)}");
    }

    [Fact]
    public void The_names_cover_properties_and_enum_values()
    {
        string[] names = Names();

        Assert.Contains("DenoiseSettings image.role = enlarge", names);
        Assert.Contains("DenoiseSettings noise = torch-cuda", names);
        Assert.Contains("JobRecord progress.picture", names);
        Assert.Contains("JobRecord phase = running", names);
    }

    private static string[] Names()
    {
        var names = new SortedSet<string>(StringComparer.Ordinal);
        foreach (int choice in ContractTests.Choices.Select(row => row.Data))
        {
            foreach (string settings in ContractTests.Settings.Select(row => row.Data))
            {
                Type type = typeof(StageSettings).Assembly.GetType(settings)!;
                Add(type.Name, Write(typeof(StageSettings), nameof(StageSettings.WriteText), type, choice), names);
            }
            foreach (string stored in ContractTests.Stored.Select(row => row.Data))
            {
                var type = Type.GetType(stored)!;
                Add(type.Name, Write(typeof(JobJson), nameof(JobJson.Write), type, choice), names);
            }
        }
        return [.. names];
    }

    private static JsonNode? Write(Type writer, string method, Type type, int choice)
    {
        object written = Method(writer, method, type).Invoke(null, [ContractTests.New(choice).Of(type)])!;
        return written is byte[] bytes ? JsonNode.Parse(bytes) : JsonNode.Parse((string)written);
    }

    private static System.Reflection.MethodInfo Method(Type writer, string method, Type type) =>
        writer.GetMethods().Single(candidate => candidate.Name == method).MakeGenericMethod(type);

    private static void Add(string prefix, JsonNode? node, SortedSet<string> names)
    {
        switch (node)
        {
            case JsonObject json:
                foreach ((string name, JsonNode? value) in json)
                {
                    // The keys of dictionaries are data.
                    string path = prefix.Contains(' ', StringComparison.Ordinal) ? $"{prefix}.{name}" : $"{prefix} {name}";
                    path = DictionaryKey().Replace(path, "*");
                    names.Add(path);
                    Add(path, value, names);
                }
                break;
            case JsonArray list:
                foreach (JsonNode? item in list)
                {
                    Add(prefix, item, names);
                }
                break;
            case JsonValue value when value.GetValueKind() == JsonValueKind.String && Word().IsMatch(value.GetValue<string>()):
                names.Add(string.Create(CultureInfo.InvariantCulture, $"{prefix} = {value.GetValue<string>()}"));
                break;
        }
    }

    [GeneratedRegex(@"key-\d+")]
    private static partial Regex DictionaryKey();

    [GeneratedRegex("^[a-z][a-z0-9_+-]*$")]
    private static partial Regex Word();
}
