using System.Buffers.Binary;

namespace Brownian.Inference.Stages;

/// <summary>A denoise stage's checkpoint: the image's index and its run's state.</summary>
internal readonly record struct DenoiseCheckpoint(int Image, ReadOnlyMemory<byte> State)
{
    public static byte[] Write(int image, byte[] state)
    {
        var bytes = new byte[sizeof(int) + state.Length];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, image);
        state.CopyTo(bytes.AsSpan(sizeof(int)));
        return bytes;
    }

    public static DenoiseCheckpoint? Read(ReadOnlyMemory<byte> bytes) =>
        bytes.Length > sizeof(int) ? new DenoiseCheckpoint(BinaryPrimitives.ReadInt32LittleEndian(bytes.Span), bytes[sizeof(int)..]) : null;
}
