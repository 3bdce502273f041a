namespace Brownian.Diffusion.Configuration;

/// <summary>One field of <c>scheduler_config.json</c> that a scheduler class supports.</summary>
/// <param name="Name">The field's name.</param>
/// <param name="Kind">The type of its value.</param>
/// <param name="Default">The class's default: int, double, bool, string, double[] or null.</param>
public sealed record SchedulerOption(string Name, OptionKind Kind, object? Default)
{
    /// <summary>Whether null is allowed. Options whose default is null always allow it.</summary>
    public bool Nullable { get; init; } = Default is null;

    /// <summary>The allowed words of a <see cref="OptionKind.Choice"/>.</summary>
    public IReadOnlyList<string>? Choices { get; init; }

    /// <summary>Words that sibling classes use, and their meaning for this class.</summary>
    public IReadOnlyDictionary<string, string>? Aliases { get; init; }

    /// <summary>The smallest allowed number; minus infinity only when the option allows that.</summary>
    public double Minimum { get; init; } = double.MinValue;

    /// <summary>The largest allowed number; infinity only when the option allows that.</summary>
    public double Maximum { get; init; } = double.MaxValue;

    /// <summary>A description of the allowed values, for messages and listings.</summary>
    public string Allowed
    {
        get
        {
            string range = (Minimum <= double.MinValue, Maximum >= double.MaxValue) switch
            {
                (true, true) => "",
                (false, true) => string.Create(CultureInfo.InvariantCulture, $" of {Minimum} and above"),
                (true, false) => string.Create(CultureInfo.InvariantCulture, $" up to {Maximum}"),
                (false, false) => string.Create(CultureInfo.InvariantCulture, $", {Minimum}..{Maximum}"),
            };
            string kind = Kind switch
            {
                OptionKind.Integer => "a whole number" + range,
                OptionKind.Number => "a number" + range,
                OptionKind.Flag => "true or false",
                OptionKind.Choice => string.Join(", ", Choices ?? []),
                OptionKind.Numbers => "a list of numbers" + range,
                _ => throw new ArgumentOutOfRangeException(nameof(Kind), Kind, null),
            };
            return !Nullable ? kind : kind.Length > 0 ? kind + ", or null" : "null";
        }
    }

    /// <summary>Creates an option with an integer value.</summary>
    public static SchedulerOption Integer(string name, int? value, int minimum = int.MinValue, int maximum = int.MaxValue) =>
        new(name, OptionKind.Integer, value) { Minimum = Bound(minimum), Maximum = Bound(maximum) };

    /// <summary>Creates an option with a numeric value.</summary>
    public static SchedulerOption Number(
        string name, double? value, double minimum = double.MinValue, double maximum = double.MaxValue) =>
        new(name, OptionKind.Number, value) { Minimum = minimum, Maximum = maximum };

    /// <summary>Creates an option with a boolean value.</summary>
    public static SchedulerOption Flag(string name, bool value) => new(name, OptionKind.Flag, value);

    /// <summary>Creates an option whose value is one of a set of words.</summary>
    public static SchedulerOption Choice(string name, string? value, params IReadOnlyList<string> choices) =>
        new(name, OptionKind.Choice, value) { Choices = choices };

    /// <summary>Creates a field that is code in the reference and therefore has no value in a configuration.</summary>
    public static SchedulerOption Absent(string name) => Choice(name, null);

    /// <summary>Creates an option whose value is a list of numbers.</summary>
    public static SchedulerOption Numbers(string name, double[]? value) => new(name, OptionKind.Numbers, value);

    private static double Bound(int value) => value switch
    {
        int.MinValue => double.MinValue,
        int.MaxValue => double.MaxValue,
        _ => value,
    };
}
