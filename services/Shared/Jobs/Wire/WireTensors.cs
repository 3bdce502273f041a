using System.Runtime.InteropServices;
using Brownian.Formats.Images;
using Brownian.Formats.Tensors;
using Brownian.Models.Stages;
using Brownian.V1;
using Google.Protobuf;
using Tensor = Brownian.Formats.Tensors.Tensor;

namespace Brownian.Jobs.Wire;

/// <summary>Converts tensors to and from their messages.</summary>
public static class WireTensors
{
    /// <summary>The number of elements of the largest accepted tensor: an image of 8192 x 8192 pixels.</summary>
    private const long MaxElements = 3L * 8192 * 8192;

    /// <summary>Converts a float32 tensor to a message.</summary>
    public static V1.Tensor ToMessage(this Tensor tensor)
    {
        var message = new V1.Tensor { DataType = DataType.Float32, Data = ByteString.CopyFrom(MemoryMarshal.AsBytes(tensor.Values.AsSpan())) };
        message.Shape.Add(tensor.Shape);
        return message;
    }

    /// <summary>Converts an image to a message, [height, width, 3].</summary>
    public static V1.Tensor ToMessage(this PixelImage image)
    {
        var message = new V1.Tensor { DataType = DataType.Uint8, Data = ByteString.CopyFrom(image.Rgb) };
        message.Shape.Add([image.Height, image.Width, 3]);
        return message;
    }

    /// <summary>Converts a message to a float32 tensor.</summary>
    /// <param name="message">The message, or null.</param>
    /// <param name="field">The field's name in faults.</param>
    /// <param name="dimensions">The required number of dimensions; null for 1 or more.</param>
    /// <exception cref="FieldFaultException">The message is missing, or has another type or shape.</exception>
    public static Tensor ToTensor(V1.Tensor? message, string field, int? dimensions = null)
    {
        Require(message, field, DataType.Float32, dimensions, sizeof(float));
        return new Tensor(MemoryMarshal.Cast<byte, float>(message!.Data.Span).ToArray(), [.. message.Shape]);
    }

    /// <summary>Converts a message to an image.</summary>
    /// <param name="message">The message, or null.</param>
    /// <param name="field">The field's name in faults.</param>
    /// <exception cref="FieldFaultException">The message is missing, or has another type or shape.</exception>
    public static PixelImage ToImage(V1.Tensor? message, string field)
    {
        Require(message, field, DataType.Uint8, 3, 1);
        return message!.Shape[2] == 3
            ? new PixelImage(message.Shape[1], message.Shape[0], message.Data.ToByteArray())
            : throw new FieldFaultException(field, $"{message.Shape[2]} channels", "3 channels");
    }

    /// <summary>Refuses a message that is not a tensor of float32 or uint8.</summary>
    /// <param name="message">The message, or null.</param>
    /// <param name="field">The field's name in faults.</param>
    /// <returns>The tensor's type.</returns>
    /// <exception cref="FieldFaultException">The message is missing, has another type, or its data does not match its shape.</exception>
    public static StageDtype Require(V1.Tensor? message, string field)
    {
        bool isBytes = message?.DataType == DataType.Uint8;
        if (message is not null && !isBytes && message.DataType != DataType.Float32)
        {
            throw new FieldFaultException(field + ".data_type", message.DataType, $"{DataType.Float32}, {DataType.Uint8}");
        }
        Require(message, field, isBytes ? DataType.Uint8 : DataType.Float32, null, isBytes ? 1 : sizeof(float));
        return isBytes ? StageDtype.UInt8 : StageDtype.Float32;
    }

    private static void Require(V1.Tensor? message, string field, DataType type, int? dimensions, int size)
    {
        if (message is null)
        {
            throw new FieldFaultException(new FieldFault(field, "is missing"));
        }
        if (message.DataType != type)
        {
            throw new FieldFaultException(field + ".data_type", message.DataType, type.ToString());
        }
        if ((dimensions is { } wanted ? message.Shape.Count != wanted : message.Shape.Count == 0) || message.Shape.Any(side => side < 1))
        {
            throw new FieldFaultException(
                field + ".shape", $"[{string.Join(", ", message.Shape)}]",
                $"{dimensions?.ToString(CultureInfo.InvariantCulture) ?? "1 and more"} positive numbers");
        }
        if (ElementCount.Of(message.Shape) is not (<= MaxElements and long elements))
        {
            throw new FieldFaultException(field + ".shape", $"[{string.Join(", ", message.Shape)}]", $"at most {MaxElements} elements");
        }
        if (message.Data.Length != elements * size)
        {
            throw new FieldFaultException(
                field + ".data", $"{message.Data.Length} bytes", $"{elements * size} bytes for the shape [{string.Join(", ", message.Shape)}]");
        }
    }
}
