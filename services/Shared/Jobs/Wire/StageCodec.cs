using Brownian.Models.Plans;
using Brownian.Models.Stages;
using Brownian.V1;
using Google.Protobuf;
using StageProgress = Brownian.Models.Stages.StageProgress;

namespace Brownian.Jobs.Wire;

/// <summary>Converts stages, their values and their events to and from messages.</summary>
public static class StageCodec
{
    /// <summary>The size in bytes of the largest request or event: the latents of a large image, or its file.</summary>
    public const int MaxMessageBytes = 256 << 20;

    /// <summary>Serializes a stage to JSON.</summary>
    public static string ToJson(PlanStage stage) => StageSettings.WriteText(stage);

    /// <summary>Reads the stage of a request.</summary>
    /// <exception cref="FieldFaultException">The stage's JSON is invalid, or an input is missing.</exception>
    public static PlanStage ToStage(RunStageRequest request)
    {
        PlanStage stage = StageSettings.ReadText<PlanStage>(request.StageJson, "stage_json");
        FieldFault[] missing =
        [
            .. stage.Inputs.Keys.Where(input => !request.Inputs.ContainsKey(input)).Select(input => new FieldFault($"inputs.{input}", "is missing")),
        ];
        return missing.Length == 0 ? stage : throw new FieldFaultException(missing);
    }

    /// <summary>Converts the values of an input to a message.</summary>
    public static StageValues ToMessage(IEnumerable<StageValue> values)
    {
        var message = new StageValues();
        message.Values.Add(values.Select(ToMessage));
        return message;
    }

    /// <summary>Converts a value to a message.</summary>
    public static Tensor ToMessage(StageValue value)
    {
        var message = new Tensor
        {
            DataType = value.Dtype == StageDtype.Float32 ? DataType.Float32 : DataType.Uint8,
            // Values are immutable, so no copy is needed.
            Data = UnsafeByteOperations.UnsafeWrap(value.Bytes),
        };
        message.Shape.Add(value.Shape);
        return message;
    }

    /// <summary>Converts a message to a value.</summary>
    /// <param name="message">The message.</param>
    /// <param name="field">The field's name in faults.</param>
    /// <exception cref="FieldFaultException">The message is missing, or has another type or shape.</exception>
    public static StageValue ToValue(Tensor? message, string field)
    {
        StageDtype dtype = WireTensors.Require(message, field);
        return new StageValue(dtype, [.. message!.Shape], message.Data.Memory);
    }

    /// <summary>Converts the progress of a stage to a message.</summary>
    public static StageStep ToMessage(StageProgress progress) => new()
    {
        Image = progress.Image,
        Images = progress.Images,
        Evaluation = progress.Evaluation,
        Evaluations = progress.Evaluations,
    };

    /// <summary>Converts a message to the progress of a stage.</summary>
    public static StageProgress ToProgress(StageStep step) => new(step.Image, step.Images, step.Evaluation, step.Evaluations);

    /// <summary>Converts a file to a message.</summary>
    public static StageFile ToMessage(StageArtifact artifact) => new()
    {
        Index = artifact.Index,
        Seed = artifact.Seed,
        Width = artifact.Width,
        Height = artifact.Height,
        MediaType = artifact.MediaType,
        Data = UnsafeByteOperations.UnsafeWrap(artifact.Bytes),
    };

    /// <summary>Converts a message to a file.</summary>
    public static StageArtifact ToArtifact(StageFile file) =>
        new(file.Index, file.Seed, file.Width, file.Height, file.MediaType, file.Data.ToByteArray());
}
