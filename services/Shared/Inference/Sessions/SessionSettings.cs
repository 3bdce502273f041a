using Brownian.Models.Devices;

namespace Brownian.Inference.Sessions;

/// <summary>The settings of sessions.</summary>
/// <param name="Device">The device that runs the graphs.</param>
/// <param name="Threads">The number of threads per operator, 1..256; null for the number of processors available to the process.</param>
public sealed record SessionSettings(Device Device = default, int? Threads = null)
{
    /// <summary>The optimised forms of graphs, which load faster; null to load the graphs themselves. Only on the CPU.</summary>
    public OptimizedGraphs? Optimized { get; init; }

    /// <summary>
    /// How many rows a denoiser evaluates in one run of its graph, at least 1; null for all of a batch. With guidance an image has two rows. Fewer
    /// rows take less memory.
    /// </summary>
    public int? RowsPerRun { get; init; }

    /// <summary>Stops loads in progress, because a process must not exit while a thread runs code of ONNX Runtime.</summary>
    public CancellationToken Stopping { get; init; }
}
