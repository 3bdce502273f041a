using System.Reflection;
using System.Text.Json.Serialization;

namespace Brownian.Contracts.Tests;

/// <summary>
/// Consumers of events never break: <c>contract.txt</c> holds every exchange, type, field and value of the events of version 1. After an
/// addition, this class run with <c>BROWNIAN_WRITE_CONTRACT=1</c> in the environment adds it there; a removal or change is never written.
/// </summary>
public sealed class EventContractTests
{
    private const string Variable = "BROWNIAN_WRITE_CONTRACT";

    private static readonly string File = Repository.Combine("tests", "Contracts.Tests", "contract.txt");

    [Fact]
    public void No_part_of_the_published_events_is_removed_retyped_or_renamed()
    {
        string[] snapshot = System.IO.File.Exists(File) ? System.IO.File.ReadAllLines(File) : [];
        string[] now = Lines();

        (string[] broken, string[] added) = Contract.Compare(snapshot, now);

        Assert.True(
            broken.Length == 0,
            $"Consumers of version 1 break. Publish the change to new exchanges beside the old ones:\n{string.Join('\n', broken)}");
        if (added.Length > 0 && Environment.GetEnvironmentVariable(Variable) is { Length: > 0 })
        {
            System.IO.File.WriteAllText(File, string.Concat(now.Select(line => line + "\n")));
            return;
        }
        Assert.True(
            added.Length == 0,
            $"Not in {Path.GetFileName(File)} yet; {Variable}=1 artifacts/bin/Contracts.Tests/release/Brownian.Contracts.Tests "
                + $"-class \"*EventContractTests\" writes them there:\n{string.Join('\n', added)}");
    }

    [Fact]
    public void The_contract_has_lines_of_every_kind()
    {
        // A reader of types that silently yields nothing would pass the comparison.
        string[] lines = Lines();
        string[] kinds = [.. lines.Select(line => line.Split(' ')[0]).Distinct().Order(StringComparer.Ordinal)];
        Assert.Equal(["exchange", "field", "key", "type", "value"], kinds);
        Assert.Equal(3, lines.Count(line => line.StartsWith("exchange ", StringComparison.Ordinal)));
        Assert.Contains("field Brownian.Contracts.EventArtifact seed: UInt64, required, as text", lines);
    }

    [Fact]
    public void The_package_depends_on_no_other_package()
    {
        Assert.All(
            typeof(JobEnded).Assembly.GetReferencedAssemblies(),
            reference => Assert.StartsWith("System.", reference.Name, StringComparison.Ordinal));
        // MassTransit would give a base type an exchange of its own.
        Assert.All((Type[])[typeof(JobAccepted), typeof(JobStarted), typeof(JobEnded)], type => Assert.Equal(typeof(object), type.BaseType));
    }

    [Theory]
    [InlineData("tiny", "done", "tiny.done")]
    [InlineData("sd-v1.5", "failed", "sd-v1-5.failed")]
    [InlineData("a*b#c d\te", "accepted", "a-b-c-d-e.accepted")]
    [InlineData("", "started", "-.started")]
    [InlineData("Modell \u00e4\u4e2d", "cancelled", "Modell-\u00e4\u4e2d.cancelled")]
    public void A_routing_key_has_two_words(string model, string state, string key) => Assert.Equal(key, EventExchanges.RoutingKey(model, state));

    [Fact]
    public void A_routing_key_is_no_longer_than_the_protocol_allows()
    {
        string key = EventExchanges.RoutingKey(new string('\u4e2d', 200), "accepted");

        Assert.Equal(new string('\u4e2d', 82) + ".accepted", key);
        Assert.Equal(255, System.Text.Encoding.UTF8.GetByteCount(key));
    }

    private static string[] Lines() =>
    [
        .. typeof(EventExchanges).GetFields().Where(field => field.IsLiteral)
            .Select(field => $"exchange {field.GetRawConstantValue()}: topic, durable, of {field.Name}")
            .Concat(typeof(JobEnded).Assembly.GetExportedTypes().Where(type => type != typeof(EventExchanges)).SelectMany(LinesOf))
            .Append($"key {EventExchanges.RoutingKey("MODEL", "STATE")}")
            .Order(StringComparer.Ordinal),
    ];

    private static IEnumerable<string> LinesOf(Type type) => type.IsEnum
        ? type.GetFields().Where(field => field.IsLiteral)
            .Select(field => $"value {type.FullName} \"{field.GetCustomAttribute<JsonStringEnumMemberNameAttribute>()!.Name}\": {field.Name}")
        : type.GetProperties().Select(property => Line(type, property)).Append($"type {type.FullName}");

    private static string Line(Type type, PropertyInfo property)
    {
        bool isText = property.GetCustomAttribute<JsonNumberHandlingAttribute>()?.Handling.HasFlag(JsonNumberHandling.WriteAsString) == true;
        bool isRequired = property.GetCustomAttribute<System.Runtime.CompilerServices.RequiredMemberAttribute>() is not null;
        string name = property.GetCustomAttribute<JsonPropertyNameAttribute>()!.Name;
        return $"field {type.FullName} {name}: {Name(property.PropertyType)}{(isRequired ? ", required" : "")}{(isText ? ", as text" : "")}";
    }

    private static string Name(Type type) => Nullable.GetUnderlyingType(type) is { } inner ? Name(inner) + "?"
        : type.IsGenericType ? $"{type.Name.Split('`')[0]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>"
        : type.Name;
}
