namespace Brownian.Tests.Programs;

/// <summary>The arguments and surroundings of a program's run.</summary>
internal sealed record ProgramRun
{
    public required IReadOnlyList<string> Arguments { get; init; }

    public byte[] StandardInput { get; init; } = [];

    public string? WorkingDirectory { get; init; }

    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();
}
