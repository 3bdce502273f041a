using Brownian.Inference.Sessions;
using Microsoft.Extensions.Logging;

namespace Brownian.Workers.Devices;

/// <summary>Logs which optimised forms of graphs were made.</summary>
internal sealed partial class OptimizationLog(ILogger<OptimizationLog> logger) : IProgress<OptimizedGraph>
{
    public void Report(OptimizedGraph value) => LogMade(value.File, value.Time.TotalSeconds, value.Bytes, value.Folder);

    [LoggerMessage(LogLevel.Information, "Optimised {File} in {Seconds} s: {Bytes} bytes in {Folder}")]
    private partial void LogMade(string file, double seconds, long bytes, string folder);
}
