using Brownian.Gateway.Requests;
using Brownian.Inference.Plans;
using Brownian.Inference.Stages;
using Brownian.Platform.Jobs;
using Brownian.V1;
using Google.Protobuf;

namespace Brownian.Gateway.Direct;

/// <summary>A stage within a call: everything stays in memory, and the caller hears of it.</summary>
internal sealed class DirectContext(
    string id, PlanStage stage, Dictionary<string, List<StageValue>> outputs, RequestFiles files, JobDesk desk, Action<JobEvent> tell)
        : MemoryStageContext(stage, outputs)
{
    public override Task ReportAsync(StageProgress progress, CancellationToken cancellationToken)
    {
        tell(new JobEvent
        {
            Progress = new Progress
            {
                Stage = Stage.Name,
                Picture = progress.Picture,
                Pictures = progress.Pictures,
                Evaluation = progress.Evaluation,
                Evaluations = progress.Evaluations,
            },
        });
        cancellationToken.ThrowIfCancellationRequested();
        return Task.CompletedTask;
    }

    public override Task PreviewAsync(StageProgress progress, byte[] png, CancellationToken cancellationToken)
    {
        tell(new JobEvent
        {
            Preview = new PreviewImage
            {
                Picture = progress.Picture,
                Evaluation = progress.Evaluation,
                MediaType = "image/png",
                Data = ByteString.CopyFrom(png)
            },
        });
        return Task.CompletedTask;
    }

    public override Task WarnAsync(string message, CancellationToken cancellationToken)
    {
        tell(new JobEvent { Warning = new Warning { Message = message } });
        return Task.CompletedTask;
    }

    public override async Task AddArtifactAsync(StageArtifact artifact, CancellationToken cancellationToken)
    {
        JobArtifact kept = await desk.KeepAsync(id, artifact, cancellationToken);
        tell(new JobEvent { Artifact = JobMessages.ToMessage(kept) });
    }

    public override Task<ReadOnlyMemory<byte>> ImageAsync(string id, CancellationToken cancellationToken) =>
        Task.FromResult(files.TryGet(id, out ReadOnlyMemory<byte> file) ? file : throw new FieldFaultException(Gone(id)));
}
