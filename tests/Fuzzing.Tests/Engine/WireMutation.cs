namespace Brownian.Fuzzing.Tests.Engine;

/// <summary>Changes of Protocol Buffers' wire format that leave it valid: fields that are missing, repeated, of other numbers, and nested
/// ones.</summary>
internal static class WireMutation
{
    private const int Varint = 0, Fixed64 = 1, Delimited = 2, Fixed32 = 5, MaxDepth = 8;

    /// <summary>Makes one change; returns null when the bytes are not a message.</summary>
    /// <param name="random">Decides which.</param>
    /// <param name="bytes">The input.</param>
    /// <param name="other">Another input, of which fields are taken.</param>
    /// <param name="tokens">Words of the format.</param>
    public static byte[]? Apply(FuzzRandom random, byte[] bytes, byte[] other, IReadOnlyList<string> tokens)
    {
        if (Parse(bytes) is not { } message)
        {
            return null;
        }
        List<Field> fields = message;
        List<byte[]> parents = [];
        var path = new List<(List<Field> Fields, int Index)>();
        // Goes into messages of messages; a text is taken for a message only where its bytes are one.
        while (path.Count < MaxDepth && fields.Count > 0 && !random.OneIn(3))
        {
            int index = random.Next(fields.Count);
            if (fields[index].Type != Delimited || fields[index].Content.Length == 0 || Parse(fields[index].Content) is not { Count: > 0 } inner)
            {
                break;
            }
            path.Add((fields, index));
            fields = inner;
        }
        Change(random, fields, other, tokens);
        for (int i = path.Count - 1; i >= 0; i--)
        {
            (List<Field> outer, int index) = path[i];
            outer[index] = outer[index] with { Content = Write(fields) };
            fields = outer;
        }
        return Write(fields);
    }

    private static void Change(FuzzRandom random, List<Field> fields, byte[] other, IReadOnlyList<string> tokens)
    {
        int at = random.Next(fields.Count);
        switch (random.Next(9))
        {
            case 0 when fields.Count > 0:
                fields.RemoveAt(at);
                break;
            case 1 when fields.Count > 0:
                for (int copies = random.Length(64); copies > 0; copies--)
                {
                    fields.Insert(random.Next(fields.Count + 1), fields[at]);
                }
                break;
            case 2 when fields.Count > 0:
                fields[at] = fields[at] with { Number = 1 + random.Next(64) };
                break;
            case 3 when Parse(other) is { Count: > 0 } source:
                fields.Insert(random.Next(fields.Count + 1), random.Pick(source));
                break;
            case 4 when fields.Count > 0 && fields[at].Type == Delimited:
                // A message within itself.
                byte[] nested = fields[at].Content;
                for (int depth = random.Length(40); depth > 0 && nested.Length < 1 << 16; depth--)
                {
                    nested = Write([fields[at] with { Content = nested }]);
                }
                fields[at] = fields[at] with { Content = nested };
                break;
            case 5:
                fields.Insert(random.Next(fields.Count + 1), new Field(1 + random.Next(64), Varint, Number(ByteMutation.Number(random))));
                break;
            case 6:
                byte[] eight =
                    BitConverter.GetBytes(random.OneIn(2) ? ByteMutation.Number(random) : BitConverter.DoubleToUInt64Bits(random.Pick(Doubles)));
                fields.Insert(random.Next(fields.Count + 1), new Field(1 + random.Next(64), Fixed64, eight));
                break;
            default:
                if (fields.Count == 0)
                {
                    break;
                }
                Field field = fields[at];
                fields[at] = field.Type switch
                {
                    Varint => field with { Content = Number(ByteMutation.Number(random)) },
                    // Several messages hold JSON.
                    Delimited => field with
                    {
                        Content = (field.Content is [(byte)'{', ..] ? JsonMutation.Apply(random, field.Content, field.Content, tokens) : null)
                            ?? ByteMutation.Apply(random, field.Content, other, tokens),
                    },
                    Fixed64 => field with { Content = BitConverter.GetBytes(random.Pick(Doubles)) },
                    _ => field with { Content = BitConverter.GetBytes((float)random.Pick(Doubles)) },
                };
                break;
        }
    }

    private static readonly double[] Doubles =
        [0, -0.0, 1, -1, 0.5, 1e15, 1e16, 9007199254740993, 1e300, -1e300, double.Epsilon, double.MaxValue, double.NaN, double.PositiveInfinity,
            2147483648];

    private static List<Field>? Parse(byte[] bytes)
    {
        var fields = new List<Field>();
        int at = 0;
        while (at < bytes.Length)
        {
            if (Read(bytes, ref at) is not { } tag || tag >> 3 is 0 or > int.MaxValue)
            {
                return null;
            }
            int start = at, type = (int)(tag & 7), length;
            switch (type)
            {
                case Varint:
                    if (Read(bytes, ref at) is null)
                    {
                        return null;
                    }
                    length = at - start;
                    break;
                case Delimited:
                    if (Read(bytes, ref at) is not { } stated || stated > (ulong)(bytes.Length - at))
                    {
                        return null;
                    }
                    (start, length) = (at, (int)stated);
                    break;
                case Fixed64 or Fixed32:
                    length = type == Fixed64 ? sizeof(ulong) : sizeof(uint);
                    break;
                default:
                    return null;
            }
            at = start + length;
            if (at > bytes.Length)
            {
                return null;
            }
            fields.Add(new Field((int)(tag >> 3), type, bytes[start..at]));
        }
        return fields;
    }

    private static byte[] Write(List<Field> fields)
    {
        var bytes = new MemoryStream();
        foreach (Field field in fields)
        {
            bytes.Write(Number(((ulong)field.Number << 3) | (uint)field.Type));
            if (field.Type == Delimited)
            {
                bytes.Write(Number((ulong)field.Content.Length));
            }
            bytes.Write(field.Content);
        }
        return bytes.ToArray();
    }

    private static ulong? Read(byte[] bytes, ref int at)
    {
        ulong value = 0;
        for (int shift = 0; shift < 64 && at < bytes.Length; shift += 7)
        {
            byte next = bytes[at++];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
        return null;
    }

    private static byte[] Number(ulong value)
    {
        var bytes = new List<byte>();
        for (; value >= 0x80; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }
        bytes.Add((byte)value);
        return [.. bytes];
    }

    private sealed record Field(int Number, int Type, byte[] Content);
}
