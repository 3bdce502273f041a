using Brownian.Models.Plans;
using Brownian.Models.Stages;
using Brownian.V1;
using Google.Protobuf;
using StageProgress = Brownian.Models.Stages.StageProgress;

namespace Brownian.Jobs.Wire;

/// <summary>Stages, their values and their events, to and from messages.</summary>
public static class StageCodec
{
    /// <summary>Bytes of the largest request or event: the latents of a large image, or its file.</summary>
    public const int MaxMessageBytes = 256 << 20;

    /// <summary>A stage as JSON.</summary>
    public static string ToJson(PlanStage stage) => StageSettings.WriteText(stage);

    /// <summary>The stage of a request.</summary>
    /// <exception cref="FieldFaultException">It is of another form.</exception>
    public static PlanStage ToStage(RunStageRequest request)
    {
        PlanStage stage = StageSettings.ReadText<PlanStage>(request.StageJson, "stage_json");
        FieldFault[] missing =
        [
            .. stage.Inputs.Keys.Where(input => !request.Inputs.ContainsKey(input)).Select(input => new FieldFault($"inputs.{input}", "is missing")),
        ];
        return missing.Length == 0 ? stage : throw new FieldFaultException(missing);
    }

    /// <summary>The values of an input as a message.</summary>
    public static StageValues ToMessage(IEnumerable<StageValue> values)
    {
        var message = new StageValues();
        message.Values.Add(values.Select(ToMessage));
        return message;
    }

    /// <summary>A value as a message.</summary>
    public static Tensor ToMessage(StageValue value)
    {
        var message = new Tensor
        {
            DataType = value.Dtype == StageDtype.Float32 ? DataType.Float32 : DataType.Uint8,
            // Nothing changes a value: it needs no copy.
            Data = UnsafeByteOperations.UnsafeWrap(value.Bytes),
        };
        message.Shape.Add(value.Shape);
        return message;
    }

    /// <summary>The value of a message.</summary>
    /// <param name="message">The message.</param>
    /// <param name="field">How a fault names it.</param>
    /// <exception cref="FieldFaultException">It is missing, or of another type or shape.</exception>
    public static StageValue ToValue(Tensor? message, string field)
    {
        StageDtype dtype = WireTensors.Require(message, field);
        return new StageValue(dtype, [.. message!.Shape], message.Data.Memory);
    }

    /// <summary>How far a stage is, as a message.</summary>
    public static StageStep ToMessage(StageProgress progress) => new()
    {
        Image = progress.Picture,
        Images = progress.Pictures,
        Evaluation = progress.Evaluation,
        Evaluations = progress.Evaluations,
    };

    /// <summary>How far a stage is.</summary>
    public static StageProgress ToProgress(StageStep step) => new(step.Image, step.Images, step.Evaluation, step.Evaluations);

    /// <summary>A file as a message.</summary>
    public static StageFile ToMessage(StageArtifact artifact) => new()
    {
        Index = artifact.Index,
        Seed = artifact.Seed,
        Width = artifact.Width,
        Height = artifact.Height,
        MediaType = artifact.MediaType,
        Data = UnsafeByteOperations.UnsafeWrap(artifact.Bytes),
    };

    /// <summary>The file of a message.</summary>
    public static StageArtifact ToArtifact(StageFile file) =>
        new(file.Index, file.Seed, file.Width, file.Height, file.MediaType, file.Data.ToByteArray());
}
