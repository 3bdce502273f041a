using Brownian.Models.Plans;

namespace Brownian.Models.Stages;

/// <summary>A stage context that keeps values in memory. Nothing is saved, and reports go to the derived class.</summary>
/// <param name="stage">The stage.</param>
/// <param name="outputs">The outputs of the plan's stages so far, by <c>stage.output</c>.</param>
public class MemoryStageContext(PlanStage stage, Dictionary<string, List<StageValue>> outputs) : IStageContext
{
    /// <inheritdoc/>
    public PlanStage Stage => stage;

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Checkpoint => default;

    /// <inheritdoc/>
    public int CheckpointEvery => 0;

    /// <inheritdoc/>
    public bool ReturnsSoon => false;

    /// <inheritdoc/>
    public virtual Task<IReadOnlyList<StageValue>> InputAsync(string name, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<StageValue>>(outputs[stage.Inputs[name]]);

    /// <inheritdoc/>
    public int Kept(string output) => outputs.TryGetValue($"{stage.Name}.{output}", out List<StageValue>? values) ? values.Count : 0;

    /// <inheritdoc/>
    public virtual Task KeepAsync(string output, StageValue value, CancellationToken cancellationToken)
    {
        string key = $"{stage.Name}.{output}";
        if (!outputs.TryGetValue(key, out List<StageValue>? values))
        {
            outputs[key] = values = [];
        }
        values.Add(value);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task SaveAsync(byte[] state, StageProgress progress, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public virtual Task ReportAsync(StageProgress progress, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public virtual Task PreviewAsync(StageProgress progress, byte[] png, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public virtual Task WarnAsync(string message, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public virtual Task AddArtifactAsync(StageArtifact artifact, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public virtual Task<ReadOnlyMemory<byte>> ImageAsync(string id, CancellationToken cancellationToken) =>
        throw new FieldFaultException(Missing(id));

    /// <summary>Returns the fault for an image that does not exist.</summary>
    protected static FieldFault Missing(string id) => new("image", $"{id} does not exist; give it again");

    /// <inheritdoc/>
    public virtual void Trace(string name, object value)
    {
    }
}
