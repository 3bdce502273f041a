using System.Buffers.Binary;
using Brownian.Formats.Files;
using Brownian.Formats.Safetensors;
using Brownian.Formats.Tensors;
using Brownian.Fuzzing.Tests.Engine;
using Brownian.Models.Families;
using Brownian.Models.Stages;
using Brownian.Tests.Programs;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>Files of numbers: .npy, safetensors, and partial results.</summary>
internal sealed class TensorFileTarget : FuzzTarget
{
    private const string Npy = "npy", Safetensors = "safetensors", Partial = "partial-result";

    public override int CasesPerSecond => 20_000;

    public override IReadOnlyList<string> Tokens =>
    [
        "'descr': '<f4'", "'fortran_order': False", "'shape': (", "(2147483647, 2)", "(1, 3, 4, 4)", "dtype", "shape", "data_offsets", "__metadata__",
        "F32", "F16", "BF16",
        "F64", "I64", "U8", "F8_E4M3", "[2147483647,2]", "[0,0]", "0/latents/0", "1/latents/0", "brownian.request", "\\ud800",
    ];

    public override IEnumerable<FuzzInput> Seeds()
    {
        using var folder = new TemporaryFolder();
        foreach (int[] shape in (int[][])[[2, 3], [4], [1, 4, 2, 2], [0, 3]])
        {
            string file = folder.Combine("a.npy");
            NpyFile.Write(file, new Tensor(new float[shape.Aggregate(1, (a, b) => a * b)], shape));
            yield return new FuzzInput(Npy, File.ReadAllBytes(file));
        }
        byte[] data = new byte[96];
        yield return new FuzzInput(Safetensors, SafetensorsFile.Write(
            new Dictionary<string, string> { ["format"] = "pt" },
            [("a", "F32", [2, 3], data.AsMemory(0, 24)), ("b", "F16", [4], data.AsMemory(0, 8)), ("c", "I64", [1], data.AsMemory(0, 8)),
                ("d", "BF16", [0], data.AsMemory(0, 0))]));
        var settings = new Dictionary<string, string>
        {
            ["brownian.request"] = "{\"prompt\": \"a\"}",
            ["brownian.stop_after"] = "denoise",
            ["brownian.done"] = "0"
        };
        yield return new FuzzInput(Partial, SafetensorsFile.Write(
            settings, [("0/latents/0", "F32", [1, 4, 1, 1], data.AsMemory(0, 16)), ("1/latents/0", "F32", [1, 4, 1, 1], data.AsMemory(0, 16)),
                ("1/pixels/0", "U8", [2, 2, 3], data.AsMemory(0, 12))]));
    }

    public override byte[] Repair(FuzzRandom random, string kind, byte[] bytes)
    {
        // The header's length, of which the first eight bytes of safetensors consist.
        int end = bytes.AsSpan().IndexOf("}}"u8);
        if (kind == Npy || end < 10 || random.OneIn(3))
        {
            return bytes;
        }
        byte[] repaired = [.. bytes];
        BinaryPrimitives.WriteInt64LittleEndian(repaired, end + 2 - sizeof(long));
        return repaired;
    }

    public override void Run(FuzzInput input)
    {
        switch (input.Kind)
        {
            case Npy:
                Tensor tensor = NpyFile.Read(input.Bytes);
                NpyFile.ReadShape(input.Bytes, out _);
                Require(ElementCount.Of(tensor.Shape) == tensor.Values.Length);
                break;
            case Safetensors:
                SafetensorsFile file = SafetensorsFile.Parse(input.Bytes, "file");
                foreach (SafetensorsTensor entry in file.Tensors.Values)
                {
                    Require(file.Bytes(entry).Length == entry.Length);
                    TryRead(() => file.Values(entry));
                    TryRead(() => file.Scalar(entry));
                }
                break;
            default:
                foreach (StageValue value in PartialResult.Read(input.Bytes,
                    "file").Images.SelectMany(image => image.Values.SelectMany(values => values)))
                {
                    int size = value.Dtype == StageDtype.Float32 ? sizeof(float) : 1;
                    Require(ElementCount.Of(value.Shape) * size == value.Bytes.Length);
                }
                break;
        }
    }

    public override bool IsDocumented(Exception exception) => exception is InvalidDataException or ModelException;

    private static void TryRead<T>(Func<T> read)
    {
        try
        {
            read();
        }
        catch (ModelException)
        {
            // A tensor of a type without numbers, or with several.
        }
    }

    private static void Require(bool holds)
    {
        if (!holds)
        {
            throw new InvalidOperationException("the values do not fit the shape");
        }
    }
}
