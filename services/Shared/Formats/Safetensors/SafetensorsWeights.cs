using Brownian.Formats.Files;
using Brownian.Formats.Weights;
using Microsoft.Win32.SafeHandles;

namespace Brownian.Formats.Safetensors;

/// <summary>Opens safetensors files of any size. Only the header is read.</summary>
public static class SafetensorsWeights
{
    /// <summary>Reads the header of an open file.</summary>
    /// <param name="handle">The file; the result owns it.</param>
    /// <param name="head">The file's first bytes, <see cref="MistakenFile.HeadLength"/> if it has that many.</param>
    /// <param name="name">The file's name in messages.</param>
    /// <exception cref="ModelException">The file is not a valid safetensors file; the message states where.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static WeightFile Read(SafeFileHandle handle, ReadOnlySpan<byte> head, string name)
    {
        long length = RandomAccess.GetLength(handle);
        byte[] json = new byte[SafetensorsHeader.ReadLength(head, length, name)];
        FilePart.Read(handle, SafetensorsHeader.LengthBytes, json, name);
        var header = SafetensorsHeader.Parse(json, length, name);
        return new WeightFile(
            name,
            handle,
            header.Tensors.Values.ToDictionary(
                tensor => tensor.Name,
                tensor => new StoredTensor(tensor.Name, SafetensorsHeader.FindFormat(tensor.Dtype)!, tensor.Shape, tensor.Start),
                StringComparer.Ordinal),
            header.Metadata);
    }
}
