using Brownian.Jobs.Queues;
using Brownian.Models.Plans;
using Brownian.V1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace Brownian.Jobs.Records;

/// <summary>Converts jobs to messages of the public API.</summary>
public static class JobMessages
{
    /// <summary>Converts a job.</summary>
    public static Job ToMessage(StoredJob job)
    {
        (JobDefinition definition, JobRecord record, _) = job;
        var message = new Job
        {
            Id = definition.Id,
            State = ToMessage(record.Phase),
            Model = definition.Model,
            ModelFingerprint = definition.ModelFingerprint,
            Priority = definition.Priority.ToName(),
            CreateTime = Timestamp.FromDateTimeOffset(definition.Created),
            StartTime = Time(record.Started),
            EndTime = Time(record.Ended),
            ExpireTime = Time(record.Expires),
            Deadline = Time(definition.Deadline),
            Request = (Struct)StructJson.ToStruct(definition.Request),
            LastEvent = record.LastEvent,
            RetryOf = definition.RetryOf ?? "",
        };
        message.Labels.Add(definition.Labels.ToDictionary());
        message.Warnings.Add(record.Warnings);
        message.Artifacts.Add(record.Artifacts.Select(ToMessage));
        if (record.Failure is { } failure)
        {
            message.Error = ToMessage(failure);
        }
        if (definition.CallbackUrl is { } url)
        {
            message.Callback = ToMessage(url, record.Callback);
        }
        for (int i = 0; i < definition.Plan.Stages.Count; i++)
        {
            PlanStage stage = definition.Plan.Stages[i];
            message.Stages.Add(new Stage
            {
                Name = stage.Name,
                Kind = stage.Kind,
                Model = stage.Model ?? "",
                State = i < record.Stage || record.Phase == JobPhase.Done ? StageState.Done
                    : i == record.Stage && record.Phase == JobPhase.Running ? StageState.Running
                    : StageState.Waiting,
                Deaths = i == record.Stage ? record.Deaths : 0,
            });
        }
        if (record is { Progress: { } progress, Phase: JobPhase.Running } && job.CurrentStage is { } current)
        {
            message.Progress = ToMessage(progress, current);
        }
        return message;
    }

    private static Callback ToMessage(string url, JobCallback? callback) => new()
    {
        Url = url,
        State = callback switch
        {
            null => CallbackState.Pending,
            { Delivered: not null } => CallbackState.Delivered,
            { Next: not null } => CallbackState.Waiting,
            _ => CallbackState.Failed,
        },
        Attempts = callback?.Attempts ?? 0,
        NextTime = Time(callback?.Next),
        DeliverTime = Time(callback?.Delivered),
        Error = callback?.Fault ?? "",
    };

    /// <summary>Converts the progress of a stage.</summary>
    public static Progress ToMessage(JobProgress progress, PlanStage stage)
    {
        (int step, int steps) = StepCount.At(stage, progress.Evaluation, progress.Evaluations);
        return new Progress
        {
            Stage = stage.Name,
            Picture = progress.Image,
            Pictures = progress.Images,
            Evaluation = progress.Evaluation,
            Evaluations = progress.Evaluations,
            Step = step,
            Steps = steps,
        };
    }

    /// <summary>Converts a preview, a PNG file.</summary>
    public static PreviewImage ToPreview(JobProgress progress, ReadOnlyMemory<byte> png) => new()
    {
        Picture = progress.Image,
        Evaluation = progress.Evaluation,
        MediaType = "image/png",
        Data = ByteString.CopyFrom(png.Span),
    };

    /// <summary>Converts a finished image.</summary>
    public static Artifact ToMessage(JobArtifact artifact) => new()
    {
        Id = artifact.Id,
        Index = artifact.Index,
        Seed = artifact.Seed,
        Width = artifact.Width,
        Height = artifact.Height,
        MediaType = artifact.MediaType,
        SizeBytes = artifact.Length,
        Sha256 = artifact.Sha256,
    };

    /// <summary>Converts the reason why a job failed.</summary>
    public static JobError ToMessage(JobFailure failure) => new() { Code = failure.Code, Message = failure.Message };

    /// <summary>Converts a phase to the state of the public API.</summary>
    public static JobState ToMessage(JobPhase phase) => phase switch
    {
        JobPhase.Submitting => JobState.Submitting,
        JobPhase.Queued => JobState.Queued,
        JobPhase.Running => JobState.Running,
        JobPhase.Done => JobState.Done,
        JobPhase.Failed => JobState.Failed,
        JobPhase.Cancelled => JobState.Cancelled,
        JobPhase.Abandoned => JobState.Abandoned,
        _ => JobState.Unspecified,
    };

    /// <summary>Returns the phase of a state; null for none.</summary>
    public static JobPhase? ToPhase(JobState state) => state switch
    {
        JobState.Submitting => JobPhase.Submitting,
        JobState.Queued => JobPhase.Queued,
        JobState.Running => JobPhase.Running,
        JobState.Done => JobPhase.Done,
        JobState.Failed => JobPhase.Failed,
        JobState.Cancelled => JobPhase.Cancelled,
        JobState.Abandoned => JobPhase.Abandoned,
        _ => null,
    };

    private static Timestamp? Time(DateTimeOffset? time) => time is { } known ? Timestamp.FromDateTimeOffset(known) : null;
}
