using Brownian.Gateway.Requests;
using Brownian.Jobs.Access;
using Brownian.Jobs.Records;
using Brownian.Jobs.Services;
using Brownian.Models.Plans;
using Brownian.Models.Stages;
using Brownian.V1;

namespace Brownian.Gateway.Direct;

/// <summary>The context of a stage within a call: values stay in memory, and the caller receives the events.</summary>
public sealed class DirectContext : MemoryStageContext
{
    private readonly JobDefinition _definition;
    private readonly Caller _caller;
    private readonly RequestFiles _files;
    private readonly JobService _jobs;
    private readonly Action<JobEvent> _report;

    internal DirectContext(
        JobDefinition definition, Caller caller, PlanStage stage, string? model, Dictionary<string, List<StageValue>> outputs, RequestFiles files,
        JobService jobs, Action<JobEvent> report)
        : base(stage, outputs)
    {
        (_definition, _caller, Model, _files, _jobs, _report) = (definition, caller, model, files, jobs, report);
    }

    /// <summary>
    /// The model that the stage's worker must serve: the stage's own model. A stage that runs no model uses the model of the previous stage at the
    /// same role, so that one worker serves both. Null for any.
    /// </summary>
    public string? Model { get; }

    /// <summary>Returns a file that the request contains or names, by its id; null when there is no such file.</summary>
    public ReadOnlyMemory<byte>? FindFile(string id) => _files.TryGet(id, out ReadOnlyMemory<byte> file) ? file : null;

    /// <inheritdoc/>
    public override Task ReportAsync(StageProgress progress, CancellationToken cancellationToken)
    {
        _report(new JobEvent { Progress = JobMessages.ToMessage(JobProgress.From(progress), Stage) });
        cancellationToken.ThrowIfCancellationRequested();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override Task PreviewAsync(StageProgress progress, byte[] png, CancellationToken cancellationToken)
    {
        _report(new JobEvent { Preview = JobMessages.ToPreview(JobProgress.From(progress), png) });
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override Task WarnAsync(string message, CancellationToken cancellationToken)
    {
        _report(new JobEvent { Warning = new Warning { Message = message } });
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override async Task AddArtifactAsync(StageArtifact artifact, CancellationToken cancellationToken)
    {
        JobArtifact kept = await _jobs.KeepAsync(_caller, _definition.Id, artifact, cancellationToken);
        _report(new JobEvent { Artifact = JobMessages.ToMessage(kept) });
    }

    /// <inheritdoc/>
    public override Task<ReadOnlyMemory<byte>> ImageAsync(string id, CancellationToken cancellationToken) =>
        Task.FromResult(FindFile(id) ?? throw new FieldFaultException(Missing(id)));
}
