using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using Brownian.Formats.Files;
using Brownian.Formats.Weights;

namespace Brownian.Formats.Torch;

/// <summary>
/// Reads Python's pickles (the opcodes of Python's <c>pickletools</c>, protocols 0 to 5) that consist of tensors, containers, texts and numbers. No
/// code of a file runs: a name is compared with <see cref="TorchNames"/>, and any other one is a fault.
/// </summary>
/// <param name="bytes">The pickles, one after the other.</param>
/// <param name="name">The file's name in messages.</param>
internal sealed class PickleReader(byte[] bytes, string name)
{
    private static readonly object Mark = new();

    /// <summary>What a skipped value is read as.</summary>
    private static readonly object Ignored = new();

    private readonly List<object?> _stack = [];
    private readonly Dictionary<long, object?> _memo = [];

    /// <summary>The position of the next byte.</summary>
    public int Position { get; private set; }

    /// <summary>Reads the next pickle.</summary>
    /// <returns>
    /// A <see cref="PickleDictionary"/>, a list of values, an array of values for a tuple, a <see cref="TorchTensor"/>, a
    /// <see cref="TorchStorage"/>, a <see cref="PickleName"/>, text, bytes, a number, a truth value, or null.
    /// </returns>
    /// <exception cref="ModelException">The pickle is damaged, or it contains something else.</exception>
    public object? Read()
    {
        _stack.Clear();
        _memo.Clear();
        try
        {
            while (true)
            {
                int start = Position;
                byte opcode = Byte();
                if (opcode == (byte)'.')
                {
                    return _stack.Count == 1 ? Pop() : throw Damaged($"it ends with {_stack.Count} values, one is allowed");
                }
                Run(opcode, start);
            }
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or OverflowException)
        {
            throw new ModelException($"{name} is a damaged pickle: at byte {Position} is a value that cannot be read", exception);
        }
    }

    private void Run(byte opcode, int start)
    {
        switch ((char)opcode)
        {
            case '\u0080': // PROTO
                if (Byte() is > 5 and var protocol)
                {
                    throw Damaged($"its protocol is {protocol}; allowed: 0..5");
                }
                break;
            case '\u0095': // FRAME
                Take(sizeof(long));
                break;
            case '(': // MARK
                Push(Mark);
                break;
            case '0': // POP
                Pop();
                break;
            case '1': // POP_MARK
                PopMark();
                break;
            case '2': // DUP
                Push(Top());
                break;
            case 'N': // NONE
                Push(null);
                break;
            case '\u0088': // NEWTRUE
                Push(true);
                break;
            case '\u0089': // NEWFALSE
                Push(false);
                break;
            case 'K': // BININT1
                Push((long)Byte());
                break;
            case 'M': // BININT2
                Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(sizeof(ushort))));
                break;
            case 'J': // BININT
                Push((long)BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int))));
                break;
            case '\u008A': // LONG1
                PushWhole(Take(Byte()));
                break;
            case '\u008B': // LONG4
                PushWhole(Take(BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int)))));
                break;
            case 'I': // INT, and truth values of protocol 0
                string text = Line();
                Push(text switch { "00" => false, "01" => true, _ => long.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) });
                break;
            case 'L': // LONG
                Push(long.Parse(Line().TrimEnd('L'), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture));
                break;
            case 'G': // BINFLOAT
                Push(BinaryPrimitives.ReadDoubleBigEndian(Take(sizeof(double))));
                break;
            case 'F': // FLOAT
                Push(double.Parse(Line(), NumberStyles.Float, CultureInfo.InvariantCulture));
                break;
            case 'X': // BINUNICODE
                Push(Encoding.UTF8.GetString(Take(Length32())));
                break;
            case '\u008C': // SHORT_BINUNICODE
                Push(Encoding.UTF8.GetString(Take(Byte())));
                break;
            case '\u008D': // BINUNICODE8
                Push(Encoding.UTF8.GetString(Take(Length64())));
                break;
            case 'V': // UNICODE
                Push(Line());
                break;
            case 'S': // STRING
                Push(Line().Trim('\'', '"'));
                break;
            case 'U': // SHORT_BINSTRING
                Push(Encoding.Latin1.GetString(Take(Byte())));
                break;
            case 'T': // BINSTRING
                Push(Encoding.Latin1.GetString(Take(Length32())));
                break;
            case 'C': // SHORT_BINBYTES
                Push(Take(Byte()).ToArray());
                break;
            case 'B': // BINBYTES
                Push(Take(Length32()).ToArray());
                break;
            case '\u008E' or '\u0096': // BINBYTES8, BYTEARRAY8
                Push(Take(Length64()).ToArray());
                break;
            case ']': // EMPTY_LIST
            case '\u008F': // EMPTY_SET
                Push(new List<object?>());
                break;
            case 'l': // LIST
            case '\u0091': // FROZENSET
                Push(PopMark());
                break;
            case 'a': // APPEND
                Append([Pop()]);
                break;
            case 'e': // APPENDS
            case '\u0090': // ADDITEMS
                Append(PopMark());
                break;
            case ')': // EMPTY_TUPLE
                Push(Array.Empty<object?>());
                break;
            case 't': // TUPLE
                Push(PopMark().ToArray());
                break;
            case '\u0085': // TUPLE1
                PushTuple(1);
                break;
            case '\u0086': // TUPLE2
                PushTuple(2);
                break;
            case '\u0087': // TUPLE3
                PushTuple(3);
                break;
            case '}': // EMPTY_DICT
                Push(new PickleDictionary());
                break;
            case 'd': // DICT
                List<object?> entries = PopMark();
                Push(new PickleDictionary());
                Set(entries);
                break;
            case 's': // SETITEM
                object? value = Pop(), key = Pop();
                Set([key, value]);
                break;
            case 'u': // SETITEMS
                Set(PopMark());
                break;
            case 'q': // BINPUT
                _memo[Byte()] = Top();
                break;
            case 'r': // LONG_BINPUT
                _memo[BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint)))] = Top();
                break;
            case 'p': // PUT
                _memo[long.Parse(Line(), NumberStyles.None, CultureInfo.InvariantCulture)] = Top();
                break;
            case '\u0094': // MEMOIZE
                _memo[_memo.Count] = Top();
                break;
            case 'h': // BINGET
                PushMemo(Byte());
                break;
            case 'j': // LONG_BINGET
                PushMemo(BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint))));
                break;
            case 'g': // GET
                PushMemo(long.Parse(Line(), NumberStyles.None, CultureInfo.InvariantCulture));
                break;
            case 'c': // GLOBAL
                string module = Line();
                PushName(module, Line());
                break;
            case '\u0093': // STACK_GLOBAL
                string? member = Pop() as string, of = Pop() as string;
                PushName(of ?? "", member ?? "");
                break;
            case 'Q': // BINPERSID
                Push(Storage(Pop()));
                break;
            case 'R': // REDUCE
            case '\u0081': // NEWOBJ
                object? arguments = Pop();
                Push(Call(Pop(), arguments));
                break;
            case 'b': // BUILD
                Pop();
                if (Top() is not (PickleDictionary or TorchTensor) && Top() != Ignored)
                {
                    throw Damaged($"at byte {start} is an attribute of a value that has none");
                }
                break;
            default:
                throw new ModelException(
                    $"{name} is a pickle with the opcode 0x{opcode:X2} at byte {start}, which only objects other than tensors need: nothing was run");
        }
    }

    /// <summary>Returns what a call of an allowed name would return.</summary>
    private object? Call(object? called, object? arguments)
    {
        if (called is not PickleName { Text: var text } || arguments is not object?[] given)
        {
            throw Damaged("it calls a value that is not a function");
        }
        if (TorchNames.Ignored.Contains(text))
        {
            return Ignored;
        }
        if (text == TorchNames.OrderedDictionary)
        {
            var dictionary = new PickleDictionary();
            foreach (object? pair in given is [List<object?> pairs] ? pairs : [])
            {
                if (pair is not (object?[] { Length: 2 } or List<object?> { Count: 2 }))
                {
                    throw Damaged("it makes a dictionary of values that are not pairs");
                }
                var both = (IList<object?>)pair;
                dictionary.Set(both[0], both[1]);
            }
            return dictionary;
        }
        if (text == TorchNames.Size)
        {
            return given is [object?[] sides] ? sides : given;
        }
        if (TorchNames.Parameters.Contains(text))
        {
            return given is [TorchTensor parameter, ..] ? parameter : throw Damaged($"it calls {text} without a tensor");
        }
        if (TorchNames.Tensors.Contains(text) || text == TorchNames.TypedTensor)
        {
            return Tensor(text, given);
        }
        throw new ModelException($"{name} is a pickle that makes an object of {text}, which is not a tensor: nothing of it was run");
    }

    private TorchTensor Tensor(string called, object?[] given)
    {
        if (given is not [TorchStorage storage, long offset, object?[] size, object?[] stride, ..] || size.Length != stride.Length
            || (storage.Format ?? (given is [_, _, _, _, _, _, PickleName type, ..] ? TorchNames.FindType(type.Text) : null)) is not { } format)
        {
            throw Damaged($"it calls {called} with other values than a storage, an offset, a size, a stride and an element type");
        }
        long elements = storage.Format is null ? storage.Count / format.BlockBytes : storage.Count;
        var shape = new int[size.Length];
        var strides = new long[size.Length];
        // The last element's index. A product of two of these cannot overflow 63 bits.
        long last = offset;
        bool isEmpty = false;
        for (int i = 0; i < shape.Length; i++)
        {
            if (size[i] is not (long side and >= 0 and <= int.MaxValue) || stride[i] is not (long step and >= 0 and <= int.MaxValue))
            {
                throw Damaged($"a tensor has the size {size[i]} and the stride {stride[i]}; allowed: 0..{int.MaxValue}");
            }
            (shape[i], strides[i]) = ((int)side, step);
            isEmpty |= side == 0;
            last = checked(last + (Math.Max(0, side - 1) * step));
        }
        if (offset < 0 || (isEmpty ? offset > elements : last >= elements))
        {
            throw Damaged($"a tensor of [{string.Join(", ", shape)}] from element {offset} exceeds its storage of {elements} elements");
        }
        return new TorchTensor(storage, format, offset, shape, strides);
    }

    /// <summary>A persistent id of PyTorch: "storage", class, key, device, number of elements, and further values in old files.</summary>
    private TorchStorage Storage(object? id) =>
        id is object?[] and ["storage", PickleName type, string key, _, long count, ..] && TorchNames.IsStorage(type.Text, out ElementFormat? format)
        && count >= 0
            ? new TorchStorage(key, format, count)
            : throw Damaged("it refers to something that is not a storage of tensors");

    private void PushName(string module, string member)
    {
        string text = $"{module}.{member}";
        if (!TorchNames.IsAllowed(text))
        {
            throw new ModelException(
                $"{name} is a pickle that contains {Printable(text)}, and only tensors and containers of them are read: nothing of it was run. "
                    + "If you trust the file, load it with PyTorch and save its state_dict, or convert it to .safetensors");
        }
        Push(new PickleName(text));
    }

    private static string Printable(string text) =>
        new([.. text.Take(200).Select(letter => char.IsControl(letter) ? '?' : letter)]);

    private void PushMemo(long index) =>
        Push(_memo.TryGetValue(index, out object? value) ? value : throw Damaged($"it refers to the value {index}, which it has not stored"));

    private void PushTuple(int count)
    {
        var tuple = new object?[count];
        for (int i = count - 1; i >= 0; i--)
        {
            tuple[i] = Pop();
        }
        Push(tuple);
    }

    private void Append(List<object?> values)
    {
        if (Top() is List<object?> list)
        {
            list.AddRange(values);
        }
        else if (Top() != Ignored)
        {
            throw Damaged("it appends to a value that is not a list");
        }
    }

    private void Set(List<object?> entries)
    {
        if (entries.Count % 2 != 0 || (Top() is not PickleDictionary && Top() != Ignored))
        {
            throw Damaged("it sets entries of a value that is not a dictionary");
        }
        for (int i = 0; i < entries.Count; i += 2)
        {
            (Top() as PickleDictionary)?.Set(entries[i], entries[i + 1]);
        }
    }

    private void Push(object? value) => _stack.Add(value);

    private object? Top() => _stack.Count > 0 && _stack[^1] != Mark ? _stack[^1] : throw Damaged($"at byte {Position} a value is missing");

    private object? Pop()
    {
        object? top = Top();
        _stack.RemoveAt(_stack.Count - 1);
        return top;
    }

    private List<object?> PopMark()
    {
        int mark = _stack.LastIndexOf(Mark);
        if (mark < 0)
        {
            throw Damaged($"at byte {Position} a mark is missing");
        }
        List<object?> values = _stack[(mark + 1)..];
        _stack.RemoveRange(mark, _stack.Count - mark);
        return values;
    }

    private byte Byte() => Take(1)[0];

    private int Length32() => (int)Math.Min(BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint))), int.MaxValue);

    private int Length64() => (int)Math.Min(BinaryPrimitives.ReadUInt64LittleEndian(Take(sizeof(ulong))), int.MaxValue);

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count < 0 || count > bytes.Length - Position)
        {
            throw Damaged($"it ends within the value at byte {Position}");
        }
        Position += count;
        return bytes.AsSpan(Position - count, count);
    }

    private string Line()
    {
        int length = bytes.AsSpan(Position).IndexOf((byte)'\n');
        if (length < 0)
        {
            throw Damaged($"it ends within the line at byte {Position}");
        }
        string line = Encoding.UTF8.GetString(Take(length));
        Position++;
        return line.TrimEnd('\r');
    }

    private void PushWhole(ReadOnlySpan<byte> bytes)
    {
        var value = new BigInteger(bytes);
        Push(value >= long.MinValue && value <= long.MaxValue ? (object)(long)value : value);
    }

    private ModelException Damaged(string what) => new($"{name} is a damaged pickle: {what}");
}
