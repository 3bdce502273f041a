using System.Buffers.Binary;
using System.IO.Hashing;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>Corrects the checksums of PNG files.</summary>
internal static class PngChunks
{
    private const int SignatureLength = 8, Framing = 12;

    /// <summary>Writes the right checksum into every chunk whose length fits.</summary>
    public static byte[] Repair(byte[] png)
    {
        byte[] repaired = [.. png];
        for (int at = SignatureLength; at + Framing <= repaired.Length;)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(repaired.AsSpan(at));
            if (length > repaired.Length - at - Framing)
            {
                break;
            }
            Span<byte> named = repaired.AsSpan(at + 4, 4 + (int)length);
            BinaryPrimitives.WriteUInt32BigEndian(repaired.AsSpan(at + 8 + (int)length), Crc32.HashToUInt32(named));
            at += Framing + (int)length;
        }
        return repaired;
    }
}
