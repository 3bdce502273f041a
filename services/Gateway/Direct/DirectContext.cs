using Brownian.Inference.Plans;
using Brownian.Inference.Stages;
using Brownian.Platform.Jobs;
using Brownian.V1;
using Google.Protobuf;

namespace Brownian.Gateway.Direct;

/// <summary>A stage within a call: everything stays in memory, and the caller hears of it.</summary>
internal sealed class DirectContext(string id, PlanStage stage, Dictionary<string, List<StageValue>> outputs, JobDesk desk, Action<JobEvent> tell) : IStageContext
{
    public PlanStage Stage => stage;

    public ReadOnlyMemory<byte> Checkpoint => default;

    public int CheckpointEvery => 0;

    public bool ReturnsSoon => false;

    public Task<IReadOnlyList<StageValue>> InputAsync(string name, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<StageValue>>(outputs[stage.Inputs[name]]);

    public int Kept(string output) => outputs.TryGetValue($"{stage.Name}.{output}", out List<StageValue>? values) ? values.Count : 0;

    public Task KeepAsync(string output, StageValue value, CancellationToken cancellationToken)
    {
        string key = $"{stage.Name}.{output}";
        if (!outputs.TryGetValue(key, out List<StageValue>? values))
        {
            outputs[key] = values = [];
        }
        values.Add(value);
        return Task.CompletedTask;
    }

    public Task SaveAsync(byte[] state, StageProgress progress, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task ReportAsync(StageProgress progress, CancellationToken cancellationToken)
    {
        tell(new JobEvent
        {
            Progress = new Progress
            {
                Stage = stage.Name,
                Picture = progress.Picture,
                Pictures = progress.Pictures,
                Evaluation = progress.Evaluation,
                Evaluations = progress.Evaluations,
            },
        });
        cancellationToken.ThrowIfCancellationRequested();
        return Task.CompletedTask;
    }

    public Task PreviewAsync(StageProgress progress, byte[] png, CancellationToken cancellationToken)
    {
        tell(new JobEvent
        {
            Preview = new PreviewImage { Picture = progress.Picture, Evaluation = progress.Evaluation, MediaType = "image/png", Data = ByteString.CopyFrom(png) },
        });
        return Task.CompletedTask;
    }

    public Task WarnAsync(string message, CancellationToken cancellationToken)
    {
        tell(new JobEvent { Warning = new Warning { Message = message } });
        return Task.CompletedTask;
    }

    public async Task AddArtifactAsync(StageArtifact artifact, CancellationToken cancellationToken)
    {
        JobArtifact kept = await desk.KeepAsync(id, artifact, cancellationToken);
        tell(new JobEvent { Artifact = JobMessages.ToMessage(kept) });
    }
}
