using System.Buffers.Binary;
using System.IO.Compression;
using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;
using Brownian.Formats.Tests;
using Brownian.Formats.Weights;
using Brownian.Fuzzing.Tests.Engine;
using Brownian.Inference.Tests.Adapters;
using Brownian.Tests.Programs;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>Checkpoints: safetensors, GGUF, archives and old files of PyTorch, and the pickles within them.</summary>
internal sealed class CheckpointTarget : FuzzTarget
{
    private const string Safetensors = "safetensors", Gguf = "gguf", Archive = "archive", Old = "old", Pickle = "pickle";

    private readonly TemporaryFolder _folder = new();

    public override int CasesPerSecond => 800;

    public override IReadOnlyList<string> Tokens =>
    [
        "dtype", "shape", "data_offsets", "F8_E4M3", "GGUF", "general.alignment", "comfy.gguf.orig_shape.a", "data.pkl", "state_dict", "storage",
        "ctorch._utils\n_rebuild_tensor_v2\n", "ctorch\nFloatStorage\n", "ccollections\nOrderedDict\n", "cos\nsystem\n", "cnumpy\ndtype\n", "(t",
        "tR", "cpu",
        "}(", "u.", "h\u0000", "q\u0000", "\u00ff\u00ff\u00ff\u007f",
    ];

    public override IEnumerable<FuzzInput> Seeds()
    {
        yield return new FuzzInput(Safetensors, new SafetensorsWriter()
            .Metadata("format", "pt").Floats("a", [1, 2, 3, 4], 2, 2).Tensor("b", "F8_E4M3", [1, 2], 2).Tensor("c", "I64", new byte[8], 1).Bytes());
        yield return new FuzzInput(Gguf, new GgufFileWriter()
            .Text("general.architecture", "flux").Number("general.alignment", 32).Texts("tokens", "a", "b")
            .List("comfy.gguf.orig_shape.a", 5, 4, 2, 1, 1)
            .Tensor("a", 0, new byte[8], 2).Tensor("b", 12, new byte[144], 1, 256).Tensor("c", 2, new byte[18], 32).Bytes());
        yield return new FuzzInput(Archive, Writer().Archive());
        yield return new FuzzInput(Old, Writer().Old(sizeof(float)));
        yield return new FuzzInput(Pickle, Writer().Pickle());
    }

    public override byte[] Repair(FuzzRandom random, string kind, byte[] bytes)
    {
        int end = kind == Safetensors ? bytes.AsSpan().IndexOf("}}"u8) : -1;
        if (end < sizeof(long) || random.OneIn(3))
        {
            return bytes;
        }
        byte[] repaired = [.. bytes];
        BinaryPrimitives.WriteInt64LittleEndian(repaired, end + 2 - sizeof(long));
        return repaired;
    }

    public override void Run(FuzzInput input)
    {
        string file = _folder.Combine("checkpoint");
        File.WriteAllBytes(file, input.Kind == Pickle ? Wrapped(input.Bytes) : input.Bytes);
        using WeightFile opened = CheckpointFile.Open(file);
        foreach (StoredTensor tensor in opened.Tensors.Values.Where(tensor => tensor.Count <= 1 << 16))
        {
            try
            {
                if (opened.Read(tensor).LongLength != tensor.Count)
                {
                    throw new InvalidOperationException("the values do not fit the shape");
                }
            }
            catch (ModelException)
            {
                // A tensor of a type without numbers.
            }
        }
    }

    public override bool IsDocumented(Exception exception) => exception is ModelException;

    public override void Dispose()
    {
        _folder.Dispose();
        base.Dispose();
    }

    private static TorchFileWriter Writer() => new TorchFileWriter()
        .Storage("0", new byte[24])
        .Dictionary(isOrdered: true)
        .Text("a").Tensor("0", "FloatStorage", 6, 0, [2, 3], [3, 1])
        .Text("b").Tensor("0", "FloatStorage", 6, 0, [3, 2], [1, 3])
        .Text("epoch").Number(3)
        .EndDictionary();

    private static byte[] Wrapped(byte[] pickle)
    {
        var stream = new MemoryStream();
        using (var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] bytes) in new[] { ("a/data.pkl", pickle), ("a/data/0", new byte[24]) })
            {
                using Stream entry = archive.CreateEntry(name, CompressionLevel.NoCompression).Open();
                entry.Write(bytes);
            }
        }
        return stream.ToArray();
    }
}
