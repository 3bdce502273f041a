using System.Buffers.Binary;
using System.Text;

namespace Brownian.Fuzzing.Tests.Engine;

/// <summary>Changes of bytes without regard to their structure.</summary>
internal static class ByteMutation
{
    private static readonly ulong[] Numbers =
    [
        0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 100, 127, 128, 255, 256, 1000, 1024, 4095, 4096, 32767, 32768, 65535, 65536, 1 << 20, 1 << 24,
        int.MaxValue - 1UL, int.MaxValue, int.MaxValue + 1UL, uint.MaxValue - 1UL, uint.MaxValue, uint.MaxValue + 1UL, long.MaxValue - 1UL,
        long.MaxValue, long.MaxValue + 1UL, ulong.MaxValue - 1, ulong.MaxValue,
    ];

    /// <summary>A number at which formats have limits.</summary>
    public static ulong Number(FuzzRandom random)
    {
        ulong number = random.OneIn(4) ? random.Next() >> random.Next(64) : random.Pick(Numbers);
        return random.OneIn(4) ? unchecked(number + (ulong)(random.Next(5) - 2)) : number;
    }

    /// <summary>Makes one change.</summary>
    /// <param name="random">Decides which.</param>
    /// <param name="bytes">The bytes, which are not changed in place.</param>
    /// <param name="other">Another input, of which parts are taken.</param>
    /// <param name="tokens">Words of the format.</param>
    public static byte[] Apply(FuzzRandom random, byte[] bytes, byte[] other, IReadOnlyList<string> tokens)
    {
        int at = random.Next(bytes.Length + 1);
        switch (random.Next(11))
        {
            case 0 when bytes.Length > 0:
                byte[] flipped = [.. bytes];
                flipped[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
                return flipped;
            case 1 when bytes.Length > 0:
                byte[] set = [.. bytes];
                set[random.Next(bytes.Length)] = (byte)random.Next(256);
                return set;
            case 2:
                var some = new byte[random.Length(64)];
                byte fill = (byte)random.Next(256);
                bool varies = random.OneIn(2);
                for (int i = 0; i < some.Length; i++)
                {
                    some[i] = varies ? (byte)random.Next(256) : fill;
                }
                return Insert(bytes, at, some);
            case 3:
                return Remove(bytes, at, random.Length(bytes.Length));
            case 4:
                return Insert(bytes, random.Next(bytes.Length + 1), Part(random, bytes));
            case 5:
                return Insert(bytes, at, Part(random, other));
            case 6:
                return [.. bytes.AsSpan(0, at), .. other.AsSpan(random.Next(other.Length + 1))];
            case 7:
                return Overwrite(bytes, at, Encoded(random));
            case 8:
                return bytes[..at];
            case 9 when tokens.Count > 0:
                byte[] token = Encoding.UTF8.GetBytes(random.Pick(tokens));
                return random.OneIn(2) ? Insert(bytes, at, token) : Overwrite(bytes, at, token);
            default:
                // The digits of a number in a text.
                int digit = bytes.AsSpan(at).IndexOfAnyInRange((byte)'0', (byte)'9');
                return digit < 0
                    ? Overwrite(bytes, at, Part(random, bytes))
                    : [.. bytes.AsSpan(0, at + digit), .. Encoding.ASCII.GetBytes(Digits(random)), .. bytes.AsSpan(at + digit + 1)];
        }
    }

    /// <summary>A number as text.</summary>
    public static string Digits(FuzzRandom random) => random.Next(8) switch
    {
        0 => "-" + Number(random).ToString(CultureInfo.InvariantCulture),
        1 => "1e" + random.Next(400).ToString(CultureInfo.InvariantCulture),
        2 => "-0.0",
        3 => "1e-" + random.Next(400).ToString(CultureInfo.InvariantCulture),
        4 => "0." + Number(random).ToString(CultureInfo.InvariantCulture),
        _ => Number(random).ToString(CultureInfo.InvariantCulture),
    };

    private static byte[] Part(FuzzRandom random, byte[] bytes)
    {
        int length = Math.Min(bytes.Length, random.Length(Math.Max(1, bytes.Length)));
        return bytes.AsSpan(random.Next(bytes.Length - length + 1), length).ToArray();
    }

    private static byte[] Encoded(FuzzRandom random)
    {
        var bytes = new byte[sizeof(ulong)];
        ulong number = Number(random);
        int width = 1 << random.Next(4);
        if (random.OneIn(2))
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, number);
            return bytes[..width];
        }
        BinaryPrimitives.WriteUInt64BigEndian(bytes, number);
        return bytes[^width..];
    }

    private static byte[] Insert(byte[] bytes, int at, byte[] part) => [.. bytes.AsSpan(0, at), .. part, .. bytes.AsSpan(at)];

    private static byte[] Remove(byte[] bytes, int at, int length) => [.. bytes.AsSpan(0, at), .. bytes.AsSpan(Math.Min(bytes.Length, at + length))];

    private static byte[] Overwrite(byte[] bytes, int at, byte[] part) =>
        [.. bytes.AsSpan(0, at), .. part, .. bytes.AsSpan(Math.Min(bytes.Length, at + part.Length))];
}
