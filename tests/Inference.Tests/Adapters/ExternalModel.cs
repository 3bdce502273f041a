using Google.Protobuf;

namespace Brownian.Inference.Tests.Adapters;

/// <summary>Rewrites an ONNX file with its weights in files beside it, in the way of exporters of large models.</summary>
internal static class ExternalModel
{
    /// <summary>Writes <c>model.onnx</c> and files of data.</summary>
    /// <param name="source">A file with its weights inside.</param>
    /// <param name="folder">The folder to write to.</param>
    /// <param name="maximumBytes">The size of a data file after which another one is begun.</param>
    public static string Save(string source, string folder, int maximumBytes)
    {
        Directory.CreateDirectory(folder);
        var files = new List<MemoryStream> { new() };
        byte[] model = Rewrite(
            File.ReadAllBytes(source), (field, content) =>
                field != 7 ? content : Rewrite(content, (inner, tensor) => inner != 5 ? tensor : Move(tensor)));
        string file = Path.Combine(folder, "model.onnx");
        File.WriteAllBytes(file, model);
        for (int i = 0; i < files.Count; i++)
        {
            File.WriteAllBytes(Path.Combine(folder, $"weights{i}.bin"), files[i].ToArray());
        }
        return file;

        byte[] Move(byte[] tensor)
        {
            byte[] raw = [];
            byte[] rest = Rewrite(tensor, (field, content) =>
            {
                if (field != 9)
                {
                    return content;
                }
                raw = content;
                return null;
            });
            if (raw.Length < 64)
            {
                return tensor;
            }
            if (files[^1].Length > maximumBytes)
            {
                files.Add(new MemoryStream());
            }
            (string, string)[] entries =
                [("location", $"weights{files.Count - 1}.bin"), ("offset", $"{files[^1].Length}"), ("length", $"{raw.Length}")];
            files[^1].Write(raw);
            return [.. rest, .. entries.SelectMany(entry => Field(13, [.. Field(1, entry.Item1), .. Field(2, entry.Item2)])), 14 << 3, 1];
        }
    }

    /// <summary>Copies a message with its delimited fields changed, or left out if the result is null.</summary>
    private static byte[] Rewrite(byte[] message, Func<int, byte[], byte[]?> change)
    {
        using var bytes = new MemoryStream();
        var input = new CodedInputStream(message);
        using (var output = new CodedOutputStream(bytes, leaveOpen: true))
        {
            while (input.ReadTag() is not 0 and var tag)
            {
                switch (WireFormat.GetTagWireType(tag))
                {
                    case WireFormat.WireType.Varint:
                        output.WriteTag(tag);
                        output.WriteUInt64(input.ReadUInt64());
                        break;
                    case WireFormat.WireType.LengthDelimited:
                        if (change(WireFormat.GetTagFieldNumber(tag), input.ReadBytes().ToByteArray()) is { } content)
                        {
                            output.WriteTag(tag);
                            output.WriteBytes(ByteString.CopyFrom(content));
                        }
                        break;
                    default:
                        output.WriteTag(tag);
                        output.WriteFixed32(input.ReadFixed32());
                        break;
                }
            }
        }
        return bytes.ToArray();
    }

    private static byte[] Field(int number, string text) => Field(number, System.Text.Encoding.UTF8.GetBytes(text));

    private static byte[] Field(int number, byte[] content)
    {
        using var bytes = new MemoryStream();
        using (var output = new CodedOutputStream(bytes, leaveOpen: true))
        {
            output.WriteTag(number, WireFormat.WireType.LengthDelimited);
            output.WriteBytes(ByteString.CopyFrom(content));
        }
        return bytes.ToArray();
    }
}
