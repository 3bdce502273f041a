using Brownian.Models.Plans;

namespace Brownian.Models.Stages;

/// <summary>What a running stage is given, and what it reports to: its job, or a call.</summary>
public interface IStageContext
{
    /// <summary>The stage.</summary>
    PlanStage Stage { get; }

    /// <summary>What an earlier run of the stage saved last; empty where there is none.</summary>
    ReadOnlyMemory<byte> Checkpoint { get; }

    /// <summary>Save a checkpoint every so many evaluations; 0 for never.</summary>
    int CheckpointEvery { get; }

    /// <summary>
    /// Whether the stage should save what it has and throw <see cref="StageReturnedException"/> at the next boundary: its process drains.
    /// </summary>
    bool ReturnsSoon { get; }

    /// <summary>An input's values: one, or one an image.</summary>
    /// <exception cref="StageInputMissingException">They are gone.</exception>
    Task<IReadOnlyList<StageValue>> InputAsync(string name, CancellationToken cancellationToken);

    /// <summary>How many values of an output were kept, in this run or an earlier one.</summary>
    int Kept(string output);

    /// <summary>Keeps the next value of an output.</summary>
    Task KeepAsync(string output, StageValue value, CancellationToken cancellationToken);

    /// <summary>Saves where the stage is, so that another worker can go on from here. The write may go on beside the next evaluation.</summary>
    /// <param name="state">What <see cref="Checkpoint"/> shall be.</param>
    /// <param name="progress">Where that is.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task SaveAsync(byte[] state, StageProgress progress, CancellationToken cancellationToken);

    /// <summary>Tells how far the stage is, after every evaluation. Returns when the next evaluation may start.</summary>
    /// <exception cref="OperationCanceledException">The job ended, or another worker has the stage.</exception>
    Task ReportAsync(StageProgress progress, CancellationToken cancellationToken);

    /// <summary>Shows an image on its way.</summary>
    Task PreviewAsync(StageProgress progress, byte[] png, CancellationToken cancellationToken);

    /// <summary>Tells the client something that is no error.</summary>
    Task WarnAsync(string message, CancellationToken cancellationToken);

    /// <summary>Stores a finished image.</summary>
    Task AddArtifactAsync(StageArtifact artifact, CancellationToken cancellationToken);

    /// <summary>An image that the request names.</summary>
    /// <param name="id">The id that the settings have.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>The file.</returns>
    /// <exception cref="FieldFaultException">It is gone: it was uploaded too long ago.</exception>
    Task<ReadOnlyMemory<byte>> ImageAsync(string id, CancellationToken cancellationToken);

    /// <summary>Hands on something that was computed on the way, for dumps; jobs ignore it.</summary>
    /// <param name="name">What it is within the stage.</param>
    /// <param name="value">It; must not be changed afterwards.</param>
    void Trace(string name, object value)
    {
    }
}
