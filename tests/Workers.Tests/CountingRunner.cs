using System.Threading.Channels;
using Brownian.Models.Stages;

namespace Brownian.Workers.Tests;

/// <summary>A stage whose evaluations each wait until the test lets them end, with a count of those that started.</summary>
internal sealed class CountingRunner(string kind) : IStageRunner
{
    private readonly Channel<bool> _lets = Channel.CreateUnbounded<bool>();
    private readonly Channel<bool> _starts = Channel.CreateUnbounded<bool>();
    private int _started;

    public string Kind => kind;

    /// <summary>Evaluations that started.</summary>
    public int Started => Volatile.Read(ref _started);

    /// <summary>Lets a number of evaluations end.</summary>
    public void Let(int evaluations)
    {
        for (int i = 0; i < evaluations; i++)
        {
            _lets.Writer.TryWrite(true);
        }
    }

    /// <summary>Returns when another evaluation started.</summary>
    public Task StartsAsync() =>
        _starts.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Eventually.Deadline);

    public async Task RunAsync(IStageContext context, CancellationToken cancellationToken)
    {
        const int Evaluations = 50;
        for (int evaluation = 1; evaluation <= Evaluations; evaluation++)
        {
            Interlocked.Increment(ref _started);
            _starts.Writer.TryWrite(true);
            // A graph's run cannot be stopped from within.
            await _lets.Reader.ReadAsync(TestContext.Current.CancellationToken);
            await context.ReportAsync(new StageProgress(0, 1, evaluation, Evaluations), cancellationToken);
        }
    }
}
