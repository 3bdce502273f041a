using System.Diagnostics;
using Brownian.Jobs.Telemetry;
using Brownian.Models.Plans;
using Brownian.Models.Stages;

namespace Brownian.Workers;

/// <summary>Records the duration of a stage's steps as the stage reports them, and counts its images.</summary>
/// <param name="inner">The stage's context.</param>
/// <param name="telemetry">Records and counts.</param>
/// <param name="model">The job's model.</param>
internal sealed class MeasuredContext(IStageContext inner, PlatformTelemetry telemetry, string model) : IStageContext
{
    private readonly List<double> _steps = [];
    private long _last = Stopwatch.GetTimestamp();

    /// <summary>The times of the denoiser's evaluations in seconds, in order.</summary>
    public IReadOnlyList<double> Steps => _steps;

    public PlanStage Stage => inner.Stage;

    public ReadOnlyMemory<byte> Checkpoint => inner.Checkpoint;

    public int CheckpointEvery => inner.CheckpointEvery;

    public bool ReturnsSoon => inner.ReturnsSoon;

    public Task<IReadOnlyList<StageValue>> InputAsync(string name, CancellationToken cancellationToken) => inner.InputAsync(name, cancellationToken);

    public int Kept(string output) => inner.Kept(output);

    public Task KeepAsync(string output, StageValue value, CancellationToken cancellationToken) => inner.KeepAsync(output, value, cancellationToken);

    public Task SaveAsync(byte[] state, StageProgress progress, CancellationToken cancellationToken) =>
        inner.SaveAsync(state, progress, cancellationToken);

    public async Task ReportAsync(StageProgress progress, CancellationToken cancellationToken)
    {
        await inner.ReportAsync(progress, cancellationToken).ConfigureAwait(false);
        long now = Stopwatch.GetTimestamp();
        if (Stage.Kind == StageKind.Denoise)
        {
            TimeSpan time = Stopwatch.GetElapsedTime(_last, now);
            _steps.Add(time.TotalSeconds);
            telemetry.StepDone(Stage.Model, time, 1);
        }
        _last = now;
    }

    public Task PreviewAsync(StageProgress progress, byte[] png, CancellationToken cancellationToken) =>
        inner.PreviewAsync(progress, png, cancellationToken);

    public Task WarnAsync(string message, CancellationToken cancellationToken) => inner.WarnAsync(message, cancellationToken);

    public Task<ReadOnlyMemory<byte>> ImageAsync(string id, CancellationToken cancellationToken) => inner.ImageAsync(id, cancellationToken);

    public async Task AddArtifactAsync(StageArtifact artifact, CancellationToken cancellationToken)
    {
        await inner.AddArtifactAsync(artifact, cancellationToken).ConfigureAwait(false);
        telemetry.ImageFinished(model);
    }
}
