using System.Collections;
using System.Reflection;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Tensor = Brownian.Formats.Tensors.Tensor;

namespace Brownian.Wire.Tests;

/// <summary>
/// Objects whose every property, at any depth, has a value that is not its default: comparing them shows which properties a codec drops. A
/// property of a type that is not handled here fails, so that a new property is always covered.
/// </summary>
/// <param name="values">Values for properties whose type alone does not determine the valid ones, by <c>Type.Property</c>.</param>
/// <param name="choice">Which value of every enum to use, counted from its last one; enums with fewer values use their first.</param>
internal sealed class Filled(IReadOnlyDictionary<string, object>? values = null, int choice = 0)
{
    private const BindingFlags Instance = BindingFlags.Instance | BindingFlags.Public;

    private int _number;

    /// <summary>The number of values of the largest enum so far.</summary>
    public int MaxEnumValues { get; private set; }

    /// <summary>A filled object of a type.</summary>
    public T Of<T>() => (T)Of(typeof(T));

    /// <summary>A filled object of a type.</summary>
    public object Of(Type type)
    {
        if (!IsRecord(type))
        {
            return Value(type, type.Name);
        }
        ConstructorInfo constructor = ConstructorOf(type);
        object made = constructor.Invoke(
            [
                .. constructor.GetParameters()
                    .Select(parameter => Value(parameter.ParameterType, $"{type.Name}.{parameter.Name}", DefaultOf(parameter)))
            ]);
        object unset = Unset(type, constructor, made);
        foreach (PropertyInfo property in PropertiesOf(type).Where(property => property.SetMethod is { IsPublic: true }
            && constructor.GetParameters().All(parameter => parameter.Name != property.Name)))
        {
            property.SetValue(made, Value(property.PropertyType, $"{type.Name}.{property.Name}", property.GetValue(unset)));
        }
        return made;
    }

    /// <summary>An object in which only the required values are set.</summary>
    public object OnlyRequired(Type type) => Unset(type, ConstructorOf(type), Of(type));

    /// <summary>The paths at which two objects differ.</summary>
    public static IReadOnlyList<string> Differences(object? before, object? after, string path = "")
    {
        switch (before, after)
        {
            case (null, null):
                return [];
            case (null, _) or (_, null):
                return [$"{path}: {before ?? "null"} became {after ?? "null"}"];
            case (JsonNode one, JsonNode other):
                return JsonNode.DeepEquals(one, other) ? [] : [$"{path}: {one.ToJsonString()} became {other.ToJsonString()}"];
            case (ReadOnlyMemory<byte> one, ReadOnlyMemory<byte> other):
                return one.Span.SequenceEqual(other.Span) ? [] : [$"{path}: the bytes differ"];
            case (string one, string other):
                return one == other ? [] : [$"{path}: {one} became {other}"];
            case (IDictionary one, IDictionary other):
                return [.. Differences(Entries(one), Entries(other), path)];
            case (IEnumerable one, IEnumerable other):
                object?[] first = [.. one.Cast<object?>()], second = [.. other.Cast<object?>()];
                return first.Length == second.Length
                    ?
                    [
                        .. first.Zip(second).SelectMany(
                            (pair, i) => Differences(pair.First, pair.Second, FormattableString.Invariant($"{path}[{i}]")))
                    ]
                    : [FormattableString.Invariant($"{path}: {first.Length} became {second.Length}")];
        }
        Type type = before.GetType();
        return IsRecord(type)
            ?
            [
                .. PropertiesOf(type).Where(property => property.GetIndexParameters().Length == 0)
                    .SelectMany(property => Differences(property.GetValue(before), property.GetValue(after), $"{path}.{property.Name}"))
            ]
            : type.IsGenericType && type.FullName!.StartsWith("System.ValueTuple", StringComparison.Ordinal)
            ? [.. type.GetFields().SelectMany(field => Differences(field.GetValue(before), field.GetValue(after), $"{path}.{field.Name}"))]
            : before.Equals(after) ? [] : [$"{path}: {before} became {after}"];

        static object?[] Entries(IDictionary dictionary) =>
            [
                .. dictionary.Keys.Cast<object>().OrderBy(key => key.ToString(), StringComparer.Ordinal)
                    .SelectMany(key => (object?[])[key, dictionary[key]])
            ];
    }

    /// <summary>The properties that have the default value.</summary>
    public static IReadOnlyList<string> Defaults(object made)
    {
        Type type = made.GetType();
        ConstructorInfo constructor = ConstructorOf(type);
        object unset = Unset(type, constructor, made);
        return
        [
            .. PropertiesOf(type)
                .Where(
                    property =>
                        property.SetMethod is { IsPublic: true } && constructor.GetParameters().All(parameter => parameter.Name != property.Name))
                .Where(property => Differences(property.GetValue(unset), property.GetValue(made)).Count == 0)
                .Select(property => property.Name),
        ];
    }

    /// <summary>The constructor with the most parameters that are properties.</summary>
    private static ConstructorInfo ConstructorOf(Type type) => type.GetConstructors()
        .Where(
            candidate =>
                candidate.GetParameters().All(parameter => type.GetProperty(parameter.Name!, Instance | BindingFlags.IgnoreCase) is not null))
        .OrderByDescending(candidate => candidate.GetParameters().Length).First();

    /// <summary>An object in which only the required values are set.</summary>
    private static object Unset(Type type, ConstructorInfo constructor, object made) => constructor.Invoke(
        [.. constructor.GetParameters().Select(parameter => type.GetProperty(parameter.Name!, Instance | BindingFlags.IgnoreCase)!.GetValue(made))]);

    /// <summary>Properties that are marked as not serialized are left out.</summary>
    private static PropertyInfo[] PropertiesOf(Type type) =>
    [
        .. type.GetProperties(Instance)
            .Where(property => property.GetCustomAttribute<JsonIgnoreAttribute>() is not { Condition: JsonIgnoreCondition.Always }),
    ];

    private static object? DefaultOf(ParameterInfo parameter) => parameter.HasDefaultValue ? parameter.DefaultValue : null;

    private static bool IsRecord(Type type) =>
        type.Namespace!.StartsWith("Brownian.", StringComparison.Ordinal) && type is { IsEnum: false, IsInterface: false };

    private object Value(Type declared, string name, object? unset = null)
    {
        if (values is not null && values.TryGetValue(name, out object? given))
        {
            return given;
        }
        Type type = Nullable.GetUnderlyingType(declared) ?? declared;
        object value = Any(type, name);
        // The counter may produce the default, and a Boolean has only two values.
        return value.Equals(unset) && !type.IsEnum ? value is bool boolean ? !boolean : Any(type, name) : value;
    }

    private object Any(Type type, string name)
    {
        int number = ++_number;
        if (type == typeof(string))
        {
            return FormattableString.Invariant($"text {number}, \"{name}\" \u00E9\u4E2D");
        }
        if (type == typeof(bool))
        {
            return true;
        }
        if (type == typeof(int) || type == typeof(long))
        {
            return Convert.ChangeType(number + 1, type, System.Globalization.CultureInfo.InvariantCulture);
        }
        if (type == typeof(ulong))
        {
            // No double represents it exactly.
            return ulong.MaxValue - (ulong)number;
        }
        if (type == typeof(double))
        {
            return 0.1 + number / 1024d;
        }
        if (type == typeof(float))
        {
            return 0.1f + number / 1024f;
        }
        if (type == typeof(DateTimeOffset))
        {
            return new DateTimeOffset(2031, 2, 3, 4, 5, 6, TimeSpan.Zero).AddMilliseconds(number);
        }
        if (type == typeof(TimeSpan))
        {
            return TimeSpan.FromMilliseconds(1000.5 + number);
        }
        if (type == typeof(ReadOnlyMemory<byte>))
        {
            return new ReadOnlyMemory<byte>([(byte)number, 2, 3]);
        }
        if (type == typeof(Tensor))
        {
            return TensorOf(1, 2, 3);
        }
        if (type == typeof(JsonObject) || type == typeof(JsonNode))
        {
            return new JsonObject { ["text"] = FormattableString.Invariant($"{number}"), ["number"] = 0.5, ["list"] = new JsonArray(1, 2) };
        }
        if (type.IsEnum)
        {
            Array all = Enum.GetValues(type);
            MaxEnumValues = Math.Max(MaxEnumValues, all.Length);
            return all.GetValue(Math.Max(all.Length - 1 - choice, 0))!;
        }
        if (type.IsArray)
        {
            Type element = type.GetElementType()!;
            var array = Array.CreateInstance(element, 2);
            array.SetValue(element == typeof(byte) ? (byte)number : Value(element, name), 0);
            array.SetValue(element == typeof(byte) ? (byte)7 : Value(element, name), 1);
            return array;
        }
        if (type.IsGenericType)
        {
            Type[] arguments = type.GetGenericArguments();
            if (type.GetGenericTypeDefinition() is var open && (open == typeof(IReadOnlyList<>) || open == typeof(IReadOnlyCollection<>)))
            {
                var list = (IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(arguments))!;
                list.Add(Value(arguments[0], name));
                list.Add(Value(arguments[0], name));
                return list;
            }
            if (open == typeof(IReadOnlyDictionary<,>))
            {
                var dictionary = (IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(arguments))!;
                dictionary[FormattableString.Invariant($"key-{number}")] = Value(arguments[1], name);
                return dictionary;
            }
            if (type.FullName!.StartsWith("System.ValueTuple", StringComparison.Ordinal))
            {
                return Activator.CreateInstance(
                    type, [.. arguments.Select((argument, i) => Value(argument, FormattableString.Invariant($"{name}.Item{i + 1}")))])!;
            }
        }
        return IsRecord(type) ? Of(type) : throw new NotSupportedException($"{name} is a {type}: say here what a value of it is");
    }

    /// <summary>A tensor of a shape, with numbers that no other tensor has.</summary>
    public Tensor TensorOf(params int[] shape)
    {
        int number = ++_number;
        return new Tensor([.. Enumerable.Range(0, shape.Aggregate(1, (product, side) => product * side)).Select(i => number + i / 64f)], shape);
    }
}
