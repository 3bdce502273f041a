using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Configuration;
using Brownian.Diffusion.Faults;

namespace Brownian.Diffusion.Schedulers;

/// <summary>
/// The complete and valid settings of one scheduler class. Resolved as in the reference's <c>from_config</c>: fields of the file that the class
/// supports are kept, missing ones have the class's default, and others are only preserved for a sibling class that supports them.
/// </summary>
public sealed class SchedulerConfig
{
    /// <summary>The beginning of the names of fields of a model's file, in messages.</summary>
    internal const string FilePrefix = "scheduler_config.json: ";

    private readonly Dictionary<string, object?> _values;
    private readonly Dictionary<string, JsonNode?> _carried;

    private SchedulerConfig(SchedulerDescriptor descriptor, Dictionary<string, object?> values, Dictionary<string, JsonNode?> carried)
    {
        Descriptor = descriptor;
        _values = values;
        _carried = carried;
    }

    /// <summary>The class of these settings.</summary>
    public SchedulerDescriptor Descriptor { get; }

    /// <summary>Resolves settings from a file and overrides.</summary>
    /// <param name="descriptor">The class.</param>
    /// <param name="file">The content of <c>scheduler_config.json</c>, or null for the class's defaults.</param>
    /// <param name="overrides">Fields that replace the file's; an unknown one is a fault.</param>
    /// <param name="field">The overrides' field name in faults, for example <c>scheduler</c>.</param>
    /// <exception cref="FieldFaultException">
    /// An option is unknown to the class or has an invalid value. The exception contains all faults.
    /// </exception>
    public static SchedulerConfig Resolve(
        SchedulerDescriptor descriptor, JsonObject? file = null, IReadOnlyDictionary<string, JsonNode?>? overrides = null, string field = "scheduler")
    {
        var faults = new List<FieldFault>();
        Dictionary<string, object?> values = descriptor.Options.ToDictionary(option => option.Name, option => option.Default, StringComparer.Ordinal);
        var carried = new Dictionary<string, JsonNode?>(StringComparer.Ordinal);
        foreach ((string name, JsonNode? node) in file ?? [])
        {
            if (descriptor.Find(name) is { } option)
            {
                values[name] = Read(option, node, FilePrefix + name, faults);
            }
            else if (!name.StartsWith('_'))
            {
                carried[name] = node;
            }
        }
        foreach ((string name, JsonNode? node) in overrides ?? new Dictionary<string, JsonNode?>())
        {
            if (name == "_class_name")
            {
                continue;
            }
            if (descriptor.Find(name) is { } option)
            {
                values[name] = Read(option, node, $"{field}.{name}", faults);
            }
            else
            {
                string known = string.Join(", ", descriptor.Options.Select(o => o.Name));
                faults.Add(new FieldFault($"{field}.{name}", $"{descriptor.ClassName} has no such option; allowed: {known}"));
            }
        }
        if (faults.Count > 0)
        {
            throw new FieldFaultException(faults);
        }
        return new SchedulerConfig(descriptor, values, carried);
    }

    /// <summary>Returns an integer.</summary>
    public int Integer(string name) => (int)_values[name]!;

    /// <summary>Returns a number.</summary>
    public double Number(string name) => (double)_values[name]!;

    /// <summary>Returns a number; null also when the class does not support the option.</summary>
    public double? NumberOrNull(string name) => (double?)_values.GetValueOrDefault(name);

    /// <summary>Returns an integer or null.</summary>
    public int? IntegerOrNull(string name) => (int?)_values[name];

    /// <summary>Returns a boolean.</summary>
    public bool Flag(string name) => (bool)_values[name]!;

    /// <summary>Returns true when the class supports the option and it is set.</summary>
    public bool HasFlag(string name) => _values.GetValueOrDefault(name) is true;

    /// <summary>Returns true when the class supports the option and it has that value.</summary>
    public bool HasWord(string name, string word) => _values.GetValueOrDefault(name) is string value && value == word;

    /// <summary>Returns a word.</summary>
    public string Choice(string name) => (string)_values[name]!;

    /// <summary>Returns numbers or null.</summary>
    public double[]? Numbers(string name) => (double[]?)_values[name];

    /// <summary>Creates a fault with an option of this configuration, its value and the allowed values.</summary>
    public FieldFaultException Refuse(string name, string allowed) => new($"scheduler.{name}", _values[name], allowed);

    /// <summary>
    /// Returns every option with its value, as in <c>scheduler_config.json</c>, followed by the file's fields that the class does not support.
    /// </summary>
    public JsonObject ToJson()
    {
        var json = new JsonObject { ["_class_name"] = Descriptor.ClassName };
        foreach (SchedulerOption option in Descriptor.Options)
        {
            json[option.Name] = _values[option.Name] switch
            {
                null => null,
                int value => JsonValue.Create(value),
                double value when double.IsInfinity(value) => JsonValue.Create(value > 0 ? "inf" : "-inf"),
                double value => JsonValue.Create(value),
                bool value => JsonValue.Create(value),
                string value => JsonValue.Create(value),
                double[] values => new JsonArray([.. values.Select(value => (JsonNode)JsonValue.Create(value))]),
                object other => throw new InvalidOperationException($"{option.Name} has a value of type {other.GetType()}"),
            };
        }
        foreach ((string name, JsonNode? node) in _carried)
        {
            json[name] = node?.DeepClone();
        }
        return json;
    }

    private static object? Read(SchedulerOption option, JsonNode? node, string field, List<FieldFault> faults)
    {
        if (node is null)
        {
            if (option.Nullable)
            {
                return null;
            }
        }
        else if (Convert(option, node) is { } value)
        {
            return value;
        }
        faults.Add(FieldFault.Of(field, node, option.Allowed));
        return option.Default;
    }

    private static object? Convert(SchedulerOption option, JsonNode node)
    {
        switch (option.Kind)
        {
            case OptionKind.Integer:
                return ReadNumber(node) is { } whole && Math.Truncate(whole) == whole && Math.Abs(whole) <= int.MaxValue && InRange(option, whole)
                    ? (int)whole
                    : null;
            case OptionKind.Number:
                return ReadNumber(node) is { } number && InRange(option, number) ? number : null;
            case OptionKind.Flag:
                return node.GetValueKind() switch { JsonValueKind.True => true, JsonValueKind.False => false, _ => null };
            case OptionKind.Choice:
                string? word = node.GetValueKind() == JsonValueKind.String ? node.GetValue<string>() : null;
                return word is null ? null
                    : option.Choices!.Contains(word) ? word
                    : option.Aliases?.GetValueOrDefault(word);
            case OptionKind.Numbers:
                if (node is not JsonArray array)
                {
                    return null;
                }
                double?[] numbers = [.. array.Select(element => element is null ? null : ReadNumber(element))];
                return numbers.All(number => number is { } value && InRange(option, value))
                    ? numbers.Select(number => number!.Value).ToArray()
                    : null;
            default:
                throw new ArgumentOutOfRangeException(nameof(option), option.Kind, null);
        }
    }

    private static bool InRange(SchedulerOption option, double value) => value >= option.Minimum && value <= option.Maximum;

    /// <summary>
    /// Reads a number. The reference writes infinities as the words "inf" and "-inf", and as Python's Infinity literals, which readers convert to
    /// words.
    /// </summary>
    private static double? ReadNumber(JsonNode node) => node.GetValueKind() switch
    {
        // Parsed from its text, because a node created from an int does not convert to a double.
        JsonValueKind.Number => double.Parse(node.ToJsonString(), CultureInfo.InvariantCulture),
        JsonValueKind.String => node.GetValue<string>() switch
        {
            "inf" or "Infinity" => double.PositiveInfinity,
            "-inf" or "-Infinity" => double.NegativeInfinity,
            _ => null,
        },
        _ => null,
    };
}
