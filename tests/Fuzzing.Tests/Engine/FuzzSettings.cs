namespace Brownian.Fuzzing.Tests.Engine;

/// <summary>The settings of a run, from the environment.</summary>
internal sealed record FuzzSettings
{
    /// <summary>The seconds of all targets together in the fast tier.</summary>
    public const double DefaultSeconds = 5;

    /// <summary>FUZZ_SECONDS: the seconds of all targets together. The clock ends a target after twice its share.</summary>
    public double Seconds { get; init; } = DefaultSeconds;

    /// <summary>FUZZ_SEED.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>FUZZ_TARGET: the only target; null for all.</summary>
    public string? Target { get; init; }

    /// <summary>FUZZ_CASE: the only case; null for all.</summary>
    public long? Case { get; init; }

    /// <summary>The settings of this process.</summary>
    public static FuzzSettings Read() => new()
    {
        Seconds = Text("FUZZ_SECONDS") is { } seconds ? double.Parse(seconds, CultureInfo.InvariantCulture) : DefaultSeconds,
        Seed = Text("FUZZ_SEED") is { } seed ? ulong.Parse(seed, CultureInfo.InvariantCulture) : 1,
        Target = Text("FUZZ_TARGET"),
        Case = Text("FUZZ_CASE") is { } number ? long.Parse(number, CultureInfo.InvariantCulture) : null,
    };

    private static string? Text(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? text : null;
}
