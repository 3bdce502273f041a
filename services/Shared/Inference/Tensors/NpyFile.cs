using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Brownian.Inference.Tensors;

/// <summary>NumPy's <c>.npy</c> files of little-endian float32, version 1.0 (<c>numpy/lib/format.py</c>).</summary>
public static partial class NpyFile
{
    private static readonly byte[] Magic = [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0];

    /// <summary>Writes a tensor.</summary>
    public static void Write(string file, Tensor tensor)
    {
        string shape = tensor.Shape.Count == 1 ? $"({tensor.Shape[0]},)" : $"({string.Join(", ", tensor.Shape)})";
        string header = $"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}";
        // The data begins at a multiple of 64; the header ends with a line feed.
        int length = (Magic.Length + 2 + header.Length + 1 + 63) / 64 * 64 - Magic.Length - 2;
        using FileStream stream = File.Create(file);
        stream.Write(Magic);
        stream.Write([(byte)length, (byte)(length >> 8)]);
        stream.Write(Encoding.ASCII.GetBytes(header.PadRight(length - 1) + "\n"));
        stream.Write(MemoryMarshal.AsBytes(tensor.Values.AsSpan()));
    }

    /// <summary>Reads a tensor.</summary>
    /// <exception cref="InvalidDataException">The file is not such a file.</exception>
    public static Tensor Read(string file)
    {
        byte[] bytes = File.ReadAllBytes(file);
        if (bytes.Length < 10 || !bytes.AsSpan(0, 6).SequenceEqual(Magic.AsSpan(0, 6)))
        {
            throw new InvalidDataException($"{file} is not a .npy file");
        }
        int start = 10 + (bytes[8] | (bytes[9] << 8));
        string header = start <= bytes.Length ? Encoding.ASCII.GetString(bytes, 10, start - 10) : "";
        Match match = Header().Match(header);
        if (!match.Success)
        {
            throw new InvalidDataException($"{file} is not a .npy file of little-endian float32 in C order: {header.Trim()}");
        }
        int[] shape = [.. match.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(size => int.Parse(size, CultureInfo.InvariantCulture))];
        float[] values = MemoryMarshal.Cast<byte, float>(bytes.AsSpan(start)).ToArray();
        return values.Length == shape.Aggregate(1L, (product, size) => product * size)
            ? new Tensor(values, shape)
            : throw new InvalidDataException($"{file} has {values.Length} values for the shape ({match.Groups[1].Value})");
    }

    [GeneratedRegex(@"'descr': '<f4', 'fortran_order': False, 'shape': \(([\d, ]*)\)")]
    private static partial Regex Header();
}
