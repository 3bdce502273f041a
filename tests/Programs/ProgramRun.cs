namespace Brownian.Tests.Programs;

/// <summary>The arguments and surroundings of a program's run.</summary>
internal sealed record ProgramRun
{
    /// <summary>The program; the one that was built beside the tests when null.</summary>
    public string? File { get; init; }

    public required IReadOnlyList<string> Arguments { get; init; }

    public byte[] StandardInput { get; init; } = [];

    public string? WorkingDirectory { get; init; }

    /// <summary>When it is killed, and the test fails.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromMinutes(2);

    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();
}
