using Brownian.Gateway.Requests;
using Brownian.Jobs.Records;
using Brownian.Jobs.Services;
using Brownian.Models.Plans;
using Brownian.Models.Stages;
using Brownian.V1;
using Google.Protobuf;

namespace Brownian.Gateway.Direct;

/// <summary>A stage within a call: everything stays in memory, and the caller hears of it.</summary>
public sealed class DirectContext : MemoryStageContext
{
    private readonly string _id;
    private readonly RequestFiles _files;
    private readonly JobService _jobs;
    private readonly Action<JobEvent> _tell;

    internal DirectContext(
        string id, PlanStage stage, string? model, Dictionary<string, List<StageValue>> outputs, RequestFiles files, JobService jobs,
        Action<JobEvent> tell)
        : base(stage, outputs)
    {
        (_id, Model, _files, _jobs, _tell) = (id, model, files, jobs, tell);
    }

    /// <summary>
    /// The model that the stage's worker must serve: the stage's own, or for a stage that runs none that of the stage before it at the same role, so
    /// that one worker has both; null for any.
    /// </summary>
    public string? Model { get; }

    /// <summary>A file that the request brings or names, by its id; null where the id is none.</summary>
    public ReadOnlyMemory<byte>? FindFile(string id) => _files.TryGet(id, out ReadOnlyMemory<byte> file) ? file : null;

    /// <inheritdoc/>
    public override Task ReportAsync(StageProgress progress, CancellationToken cancellationToken)
    {
        _tell(new JobEvent
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

    /// <inheritdoc/>
    public override Task PreviewAsync(StageProgress progress, byte[] png, CancellationToken cancellationToken)
    {
        _tell(new JobEvent
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

    /// <inheritdoc/>
    public override Task WarnAsync(string message, CancellationToken cancellationToken)
    {
        _tell(new JobEvent { Warning = new Warning { Message = message } });
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override async Task AddArtifactAsync(StageArtifact artifact, CancellationToken cancellationToken)
    {
        JobArtifact kept = await _jobs.KeepAsync(_id, artifact, cancellationToken);
        _tell(new JobEvent { Artifact = JobMessages.ToMessage(kept) });
    }

    /// <inheritdoc/>
    public override Task<ReadOnlyMemory<byte>> ImageAsync(string id, CancellationToken cancellationToken) =>
        Task.FromResult(FindFile(id) ?? throw new FieldFaultException(Gone(id)));
}
