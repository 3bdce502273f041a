using Brownian.Models.Plans;

namespace Brownian.Models.Stages;

/// <summary>The inputs of a running stage and the receiver of its reports: a job or a direct call.</summary>
public interface IStageContext
{
    /// <summary>The stage.</summary>
    PlanStage Stage { get; }

    /// <summary>The last checkpoint of an earlier run of the stage; empty without one.</summary>
    ReadOnlyMemory<byte> Checkpoint { get; }

    /// <summary>The number of evaluations between two checkpoints; 0 for no checkpoints.</summary>
    int CheckpointEvery { get; }

    /// <summary>
    /// Whether the stage should save its state and throw <see cref="StageReturnedException"/> at the next boundary, because its process drains.
    /// </summary>
    bool ReturnsSoon { get; }

    /// <summary>Returns an input's values: one, or one per image.</summary>
    /// <exception cref="StageInputMissingException">The values no longer exist.</exception>
    Task<IReadOnlyList<StageValue>> InputAsync(string name, CancellationToken cancellationToken);

    /// <summary>Returns the number of values of an output that were stored, in this run or an earlier one.</summary>
    int Kept(string output);

    /// <summary>Stores the next value of an output.</summary>
    Task KeepAsync(string output, StageValue value, CancellationToken cancellationToken);

    /// <summary>Saves a checkpoint from which another worker can resume the stage. The write may continue during the next evaluation.</summary>
    /// <param name="state">The next value of <see cref="Checkpoint"/>.</param>
    /// <param name="progress">The progress at the checkpoint.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task SaveAsync(byte[] state, StageProgress progress, CancellationToken cancellationToken);

    /// <summary>Reports the stage's progress, after every evaluation. Completes when the next evaluation may start.</summary>
    /// <exception cref="OperationCanceledException">The job ended, or another worker has the lease of the stage.</exception>
    Task ReportAsync(StageProgress progress, CancellationToken cancellationToken);

    /// <summary>Publishes a preview of an image during the run.</summary>
    Task PreviewAsync(StageProgress progress, byte[] png, CancellationToken cancellationToken);

    /// <summary>Sends the client a warning.</summary>
    Task WarnAsync(string message, CancellationToken cancellationToken);

    /// <summary>Stores a finished image.</summary>
    Task AddArtifactAsync(StageArtifact artifact, CancellationToken cancellationToken);

    /// <summary>Returns an image that the request names.</summary>
    /// <param name="id">The id in the settings.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>The file.</returns>
    /// <exception cref="FieldFaultException">The image no longer exists: it was uploaded too long ago.</exception>
    Task<ReadOnlyMemory<byte>> ImageAsync(string id, CancellationToken cancellationToken);

    /// <summary>Receives an intermediate result for dumps. Jobs ignore it.</summary>
    /// <param name="name">The name of the result within the stage.</param>
    /// <param name="value">The result; must not be changed afterwards.</param>
    void Trace(string name, object value)
    {
    }
}
