using System.Text.Json;
using System.Text.Json.Nodes;

namespace Brownian.Import.Configs;

/// <summary>
/// The configuration of a network: a <c>config.json</c> of diffusers or transformers, with the default values of keys that it leaves out. Values that
/// are not supported are collected, each with its key, so that all of them are reported at once. Keys that no network of this kind has are ignored,
/// as the reference does.
/// </summary>
/// <param name="json">The configuration.</param>
/// <param name="source">The name of the file, in messages.</param>
public sealed class NetworkConfig(JsonObject json, string source)
{
    /// <summary>How configurations are written.</summary>
    internal static readonly JsonSerializerOptions Readable = new() { WriteIndented = true };

    private readonly List<string> _faults = [];

    /// <summary>The name of the file, in messages.</summary>
    public string Source => source;

    /// <summary>Whether the configuration is derived from the tensors of a file, which states none; messages say so.</summary>
    public bool IsDerived { get; init; }

    /// <summary>What is not supported, or not of the type that the key has.</summary>
    public IReadOnlyList<string> Faults => _faults;

    /// <summary>The class of the network, by diffusers' or transformers' key; empty when the file does not name it.</summary>
    public string ClassName => json["_class_name"] is JsonValue name && name.TryGetValue(out string? text) ? text
        : json["architectures"] is JsonArray { Count: > 0 } classes && classes[0] is JsonValue first && first.TryGetValue(out string? other) ? other
        : "";

    /// <summary>Returns the configuration as JSON.</summary>
    public override string ToString() => json.ToJsonString(Readable) + "\n";

    /// <summary>Returns the configuration as text, with a further key whose value is true.</summary>
    public string With(string key)
    {
        JsonObject extended = json.DeepClone().AsObject();
        extended[key] = true;
        return extended.ToJsonString(Readable) + "\n";
    }

    /// <summary>Returns whether a key is there and not null.</summary>
    public bool Has(string key) => json[key] is not null;

    /// <summary>Returns whether a key is there and null, which can differ from a key that is absent.</summary>
    public bool IsNull(string key) => json.ContainsKey(key) && json[key] is null;

    /// <summary>Returns whether a key's value is a list.</summary>
    public bool IsList(string key) => json[key] is JsonArray;

    /// <summary>Adds a fault.</summary>
    /// <param name="key">The key.</param>
    /// <param name="supported">What is supported.</param>
    public void Refuse(string key, string supported) => _faults.Add(
        $"\"{key}\" is {json[key]?.ToJsonString() ?? "not given"}{(IsDerived ? " by the file's tensors and the family's usual values" : "")}; "
            + $"supported: {supported}");

    /// <summary>Requires that a number divides sizes.</summary>
    /// <param name="key">The key of the number.</param>
    /// <param name="number">The number.</param>
    /// <param name="of">What the sizes are.</param>
    /// <param name="sizes">The sizes.</param>
    public void RequireDivisor(string key, int number, string of, params ReadOnlySpan<int> sizes)
    {
        foreach (int size in sizes)
        {
            if (size % number != 0)
            {
                Refuse(key, $"a divisor of {of}, {string.Join(", ", sizes.ToArray().Distinct())}");
                return;
            }
        }
    }

    /// <summary>Reads a positive whole number.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value when the key is absent or null.</param>
    public int Integer(string key, int value) => OptionalInteger(key) ?? value;

    /// <summary>Reads a positive whole number; null when the key is absent or null.</summary>
    public int? OptionalInteger(string key)
    {
        if (json[key] is not { } node)
        {
            return null;
        }
        if (Integer(node) is not (> 0 and int number) || number > MaxOf(key))
        {
            Refuse(key, $"a whole number, 1..{MaxOf(key)}");
            return null;
        }
        return number;
    }

    /// <summary>Reads a number.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value when the key is absent or null.</param>
    public double Number(string key, double value)
    {
        if (json[key] is not { } node)
        {
            return value;
        }
        if (node is JsonValue found && found.TryGetValue(out double number) && double.IsFinite(number))
        {
            return number;
        }
        Refuse(key, "a number");
        return value;
    }

    /// <summary>Reads a truth value.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value when the key is absent or null.</param>
    public bool Flag(string key, bool value)
    {
        if (json[key] is not { } node)
        {
            return value;
        }
        if (node.GetValueKind() is JsonValueKind.True or JsonValueKind.False)
        {
            return node.GetValueKind() == JsonValueKind.True;
        }
        Refuse(key, "true, false");
        return value;
    }

    /// <summary>Reads a text; null when the key is absent or null.</summary>
    public string? Text(string key)
    {
        if (json[key] is not { } node)
        {
            return null;
        }
        if (node is JsonValue value && value.TryGetValue(out string? text))
        {
            return text;
        }
        Refuse(key, "a text");
        return null;
    }

    /// <summary>Reads a text that must be one of several.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value when the key is absent or null.</param>
    /// <param name="supported">The supported texts with their meanings.</param>
    public T Choice<T>(string key, string value, params ReadOnlySpan<(string Text, T Meaning)> supported)
    {
        string text = Text(key) ?? value;
        foreach ((string candidate, T meaning) in supported)
        {
            if (candidate == text)
            {
                return meaning;
            }
        }
        var known = new List<string>();
        foreach ((string candidate, _) in supported)
        {
            known.Add(candidate);
        }
        Refuse(key, string.Join(", ", known));
        return supported[0].Meaning;
    }

    /// <summary>Requires that a key is absent, null, or has the only supported value.</summary>
    /// <param name="key">The key.</param>
    /// <param name="supported">The value, as JSON.</param>
    public void Only(string key, string supported)
    {
        if (json[key] is { } node && !JsonNode.DeepEquals(node, JsonNode.Parse(supported)) && !IsSameNumber(node, supported))
        {
            Refuse(key, supported);
        }
    }

    /// <summary>Reads a list of positive whole numbers.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value when the key is absent or null.</param>
    public int[] Integers(string key, params int[] value)
    {
        if (json[key] is not { } node)
        {
            return value;
        }
        if (node is JsonArray { Count: > 0 } array && Array.ConvertAll([.. array], Integer) is var numbers
            && Array.TrueForAll(numbers, number => IsCount(number, key)))
        {
            return [.. numbers.Select(number => number!.Value)];
        }
        Refuse(key, $"a list of whole numbers, 1..{MaxOf(key)}");
        return value;
    }

    /// <summary>Reads a list of whole numbers from 0; empty when the key is absent or null.</summary>
    public int[] Indices(string key)
    {
        if (json[key] is not { } node)
        {
            return [];
        }
        if (node is JsonArray array && Array.ConvertAll([.. array], Integer) is var numbers && !Array.Exists(numbers, number => number is not >= 0))
        {
            return [.. numbers.Select(number => number!.Value)];
        }
        Refuse(key, "a list of whole numbers of at least 0");
        return [];
    }

    /// <summary>Reads a list of texts.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value when the key is absent or null.</param>
    public string[] Texts(string key, params string[] value)
    {
        if (json[key] is not { } node)
        {
            return value;
        }
        if (node is JsonArray { Count: > 0 } array
            && array.Select(item => item is JsonValue item1 && item1.TryGetValue(out string? text) ? text : null).ToArray() is var texts
            && !texts.Contains(null))
        {
            return texts!;
        }
        Refuse(key, "a list of texts");
        return value;
    }

    /// <summary>Reads a positive whole number for each level: a list of them, or one for all.</summary>
    /// <param name="key">The key.</param>
    /// <param name="levels">The number of levels.</param>
    /// <param name="value">The value when the key is absent or null.</param>
    public int[] IntegerPerLevel(string key, int levels, int value) =>
        PerLevel<int>(
            key, levels, value, node => Integer(node) is > 0 and int number && number <= MaxOf(key) ? number : null,
            $"whole numbers, 1..{MaxOf(key)}");

    /// <summary>Reads a truth value for each level: a list of them, or one for all.</summary>
    /// <param name="key">The key.</param>
    /// <param name="levels">The number of levels.</param>
    /// <param name="value">The value when the key is absent or null.</param>
    public bool[] FlagPerLevel(string key, int levels, bool value) => PerLevel<bool>(
        key,
        levels,
        value,
        node => node?.GetValueKind() is JsonValueKind.True or JsonValueKind.False ? node.GetValueKind() == JsonValueKind.True : null,
        "true, false");

    /// <summary>
    /// Reads positive whole numbers for each layer of each level: one number for all, one for each level, or a list for each level.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="layers">The number of layers of each level.</param>
    /// <returns>The numbers; null when the key is absent or null, or the value is no such list.</returns>
    public int[][]? IntegersPerLayer(string key, int[] layers)
    {
        if (json[key] is not { } node)
        {
            return null;
        }
        var levels = new int[layers.Length][];
        bool isList = node is JsonArray;
        bool isValid = !isList || node.AsArray().Count == layers.Length;
        for (int level = 0; level < layers.Length && isValid; level++)
        {
            JsonNode? item = isList ? node.AsArray()[level] : node;
            int?[] numbers = item is JsonArray list ? [.. list.Select(Integer)] : [.. Enumerable.Repeat(Integer(item), layers[level])];
            isValid = numbers.Length == layers[level] && Array.TrueForAll(numbers, number => IsCount(number, key));
            levels[level] = isValid ? [.. numbers.Select(number => number!.Value)] : [];
        }
        if (isValid)
        {
            return levels;
        }
        Refuse(key, $"a whole number, 1..{MaxOf(key)}, one for each level, or a list of one for each layer of a level");
        return null;
    }

    /// <summary>The largest number of layers.</summary>
    private const int MaxLayers = 1000;

    /// <summary>The largest number of tokens of a graph for a fixed number of them, which has a table of their pairs.</summary>
    private const int MaxTokens = 4096;

    /// <summary>The largest other number.</summary>
    private const int MaxInteger = 1 << 20;

    /// <summary>Returns the largest number that a key may have, so that a made-up configuration makes no graph without end.</summary>
    private static int MaxOf(string key) =>
        key.Contains("layers", StringComparison.Ordinal) || key.Contains("blocks", StringComparison.Ordinal) || key is "num_block" or "num_conv"
            ? MaxLayers
        : key == "num_embeddings" ? MaxTokens
        : MaxInteger;

    private static bool IsCount(int? number, string key) => number > 0 && number <= MaxOf(key);

    private static int? Integer(JsonNode? node) =>
        node is JsonValue value && value.TryGetValue(out double number) && double.IsInteger(number) && Math.Abs(number) < int.MaxValue
            ? (int)number : null;

    private static bool IsSameNumber(JsonNode node, string supported) =>
        node is JsonValue value && value.GetValueKind() == JsonValueKind.Number && value.TryGetValue(out double number)
        && double.TryParse(supported, CultureInfo.InvariantCulture, out double other) && number == other;

    private T[] PerLevel<T>(string key, int levels, T value, Func<JsonNode?, T?> read, string of)
        where T : struct
    {
        if (json[key] is not { } node)
        {
            return [.. Enumerable.Repeat(value, levels)];
        }
        T?[] values = node is JsonArray array ? [.. array.Select(read)] : [.. Enumerable.Repeat(read(node), levels)];
        if (values.Length == levels && Array.TrueForAll(values, item => item.HasValue))
        {
            return [.. values.Select(item => item!.Value)];
        }
        Refuse(key, $"{of}, one for all {levels} levels or one for each");
        return [.. Enumerable.Repeat(value, levels)];
    }
}
