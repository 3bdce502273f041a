namespace Brownian.Fuzzing.Tests.Engine;

/// <summary>The result of a target's run.</summary>
internal sealed record FuzzReport
{
    /// <summary>The target's name.</summary>
    public required string Target { get; init; }

    /// <summary>The seed.</summary>
    public required ulong Seed { get; init; }

    /// <summary>The number of cases.</summary>
    public long Cases { get; init; }

    /// <summary>The number of cases that the product accepted; the others it refused as documented.</summary>
    public long Accepted { get; init; }

    /// <summary>The seconds that the cases took.</summary>
    public double Seconds { get; init; }

    /// <summary>The seconds of the slowest case.</summary>
    public double Slowest { get; init; }

    /// <summary>The most bytes that one case allocated.</summary>
    public long Allocated { get; init; }

    /// <summary>The bytes of managed memory by which the process grew.</summary>
    public long Retained { get; init; }

    /// <summary>The bytes of all memory by which the process grew.</summary>
    public long Grown { get; init; }

    /// <summary>The first case of every fault that was found.</summary>
    public IReadOnlyList<FuzzFault> Faults { get; init; } = [];

    /// <summary>A line of a table.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Target}\tseed {Seed}\t{Cases} cases\t{Accepted} accepted\t{Seconds:0.0} s\tslowest {Slowest * 1000:0} ms\tallocated {Allocated >> 10} KiB"
            + $"\tretained {Retained >> 10} KiB\tgrown {Grown >> 20} MiB\t{Faults.Count} faults");
}
