using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Brownian.Formats.Files;

namespace Brownian.Formats.Tensors;

/// <summary>Reads and writes NumPy's <c>.npy</c> files of little-endian float32, versions 1.0 to 3.0 (<c>numpy/lib/format.py</c>).</summary>
public static partial class NpyFile
{
    private static readonly byte[] Magic = [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0];

    /// <summary>Writes a tensor.</summary>
    public static void Write(string file, Tensor tensor)
    {
        string shape = tensor.Shape.Count == 1 ? $"({tensor.Shape[0]},)" : $"({string.Join(", ", tensor.Shape)})";
        string header = $"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}";
        // The data starts at a multiple of 64; the header ends with a line feed.
        int length = (Magic.Length + 2 + header.Length + 1 + 63) / 64 * 64 - Magic.Length - 2;
        using FileStream stream = File.Create(file);
        stream.Write(Magic);
        stream.Write([(byte)length, (byte)(length >> 8)]);
        stream.Write(Encoding.ASCII.GetBytes(header.PadRight(length - 1) + "\n"));
        stream.Write(MemoryMarshal.AsBytes(tensor.Values.AsSpan()));
    }

    /// <summary>Reads a tensor.</summary>
    /// <exception cref="InvalidDataException">The file is not a <c>.npy</c> file of this kind.</exception>
    public static Tensor Read(string file)
    {
        try
        {
            return Read(File.ReadAllBytes(file));
        }
        catch (InvalidDataException exception)
        {
            throw new InvalidDataException($"{file} {exception.Message}", exception);
        }
    }

    /// <summary>Whether a file begins with the signature of <c>.npy</c>.</summary>
    public static bool IsNpy(ReadOnlySpan<byte> file) => file.StartsWith(Magic.AsSpan(0, 6));

    /// <summary>Reads a tensor.</summary>
    /// <param name="file">The whole file.</param>
    /// <exception cref="InvalidDataException">
    /// It is not a <c>.npy</c> file of this kind; the message is to be appended to a field's or a file's name.
    /// </exception>
    public static Tensor Read(ReadOnlySpan<byte> file)
    {
        int[] shape = ReadShape(file, out ReadOnlySpan<byte> data);
        return new Tensor(MemoryMarshal.Cast<byte, float>(data).ToArray(), shape);
    }

    /// <summary>Reads the shape of a file's tensor, and checks its values without copying them.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="isFinite">Whether every value is finite.</param>
    /// <exception cref="InvalidDataException">
    /// It is not a <c>.npy</c> file of this kind; the message is to be appended to a field's or a file's name.
    /// </exception>
    public static IReadOnlyList<int> ReadShape(ReadOnlySpan<byte> file, out bool isFinite)
    {
        int[] shape = ReadShape(file, out ReadOnlySpan<byte> data);
        isFinite = true;
        foreach (float number in MemoryMarshal.Cast<byte, float>(data))
        {
            isFinite &= float.IsFinite(number);
        }
        return shape;
    }

    private static int[] ReadShape(ReadOnlySpan<byte> file, out ReadOnlySpan<byte> data)
    {
        if (file.Length < 10 || !IsNpy(file))
        {
            throw new InvalidDataException(MistakenFile.Describe(file) is { } mistaken ? "is " + mistaken : "is not a .npy file");
        }
        // The header's length has two bytes in version 1, and four in versions 2 and 3.
        (int major, int minor) = (file[6], file[7]);
        if (major is < 1 or > 3 || minor != 0)
        {
            throw new InvalidDataException(
                string.Create(CultureInfo.InvariantCulture, $"is a .npy file of version {major}.{minor}; allowed: 1.0, 2.0, 3.0"));
        }
        int first = major == 1 ? 10 : 12;
        long start = file.Length < first ? long.MaxValue
            : first + (major == 1 ? BinaryPrimitives.ReadUInt16LittleEndian(file[8..]) : BinaryPrimitives.ReadUInt32LittleEndian(file[8..]));
        string header = start <= file.Length ? Encoding.ASCII.GetString(file[first..(int)start]) : "";
        Match match = Header().Match(header);
        if (!match.Success)
        {
            throw new InvalidDataException($"is not a .npy file of little-endian float32 in C order: {header.Trim()}");
        }
        int[] shape =
        [
            .. match.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                .Select(size => int.TryParse(size, CultureInfo.InvariantCulture, out int number) ? number : -1),
        ];
        data = file[(int)start..];
        return data.Length % sizeof(float) == 0 && ElementCount.Of(shape) == data.Length / sizeof(float)
            ? shape
            : throw new InvalidDataException($"has {data.Length} bytes of numbers for the shape ({match.Groups[1].Value})");
    }

    [GeneratedRegex(@"'descr': '<f4', 'fortran_order': False, 'shape': \(([\d, ]*)\)")]
    private static partial Regex Header();
}
