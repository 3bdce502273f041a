using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;
using Brownian.Formats.Weights;
using Brownian.Tests.Programs;

namespace Brownian.Formats.Tests;

public sealed class GgufWeightsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    /// <summary>
    /// Two random blocks of each quantised type with the values that ggml's formulas (gguf-py/gguf/quants.py, dequantize_blocks) give, in float32.
    /// </summary>
    public static TheoryData<string> Quantised => new(Blocks.Select(entry => entry.Key));

    public static TheoryData<string, Func<byte[]>> Damages => new()
    {
        { "of version 1; allowed: 2 and 3", () => new GgufFileWriter { Version = 1 }.Bytes() },
        { "of version 50331648", () => new GgufFileWriter { Version = 0x03000000 }.Bytes() },
        { "it ends within its header", () => new GgufFileWriter().Text("a", "b").Bytes()[..30] },
        { "is Q2_K; supported: F32, F16, Q4_0", () => new GgufFileWriter().Tensor("a", 10, new byte[84], 256).Bytes() },
        { "is type 77", () => new GgufFileWriter().Tensor("a", 77, new byte[84], 256).Bytes() },
        { "must be a multiple of 32", () => new GgufFileWriter().Tensor("a", 8, new byte[34], 2, 16).Bytes() },
        { "must be a multiple of 32", () => new GgufFileWriter().Tensor("a", 8, new byte[34]).Bytes() },
        { "has the dimension 4294967296", () => new GgufFileWriter().Tensor("a", 0, [], 1UL << 32).Bytes() },
        { "elements at most 2147483647", () => new GgufFileWriter().Tensor("a", 0, [], 65536, 65536).Bytes() },
        { "has 9 dimensions", () => new GgufFileWriter().Tensor("a", 0, new byte[4], 1, 1, 1, 1, 1, 1, 1, 1, 1).Bytes() },
        { "takes 8 bytes from byte 32 of the 32 bytes", () => new GgufFileWriter().Tensor("a", 0, new byte[8], 32, [2]).Bytes() },
        { "takes 4 bytes from byte 18446744073709551615", () => new GgufFileWriter().Tensor("a", 0, new byte[4], ulong.MaxValue, [1]).Bytes() },
        { "\"a\" is there twice", () => new GgufFileWriter().Tensor("a", 0, new byte[4], 1).Tensor("a", 0, new byte[4], 1).Bytes() },
        { "general.alignment is 0", () => new GgufFileWriter().Number("general.alignment", 0).Bytes() },
        { "general.alignment is x", () => new GgufFileWriter().Text("general.alignment", "x").Bytes() },
        { "a list before byte", () => new GgufFileWriter().List("a", 9, 8, 1).Bytes() },
        { "it ends within its header", () => new GgufFileWriter().List("a", 4, 4, new ulong[3]).Bytes()[..^4] },
    };

    private static JsonObject Blocks { get; } =
        JsonNode.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Data", "ggml-blocks.json")))!.AsObject();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Quantised))]
    public void Blocks_of_each_quantised_type_have_the_values_of_ggml(string type)
    {
        JsonNode block = Blocks[type]!;
        byte[] bytes = Convert.FromBase64String((string)block["blocks"]!);
        float[] expected = MemoryMarshal.Cast<byte, float>(Convert.FromBase64String((string)block["values"]!)).ToArray();
        using WeightFile file = Open(new GgufFileWriter().Tensor("a", (uint)block["type"]!, bytes, 2, (ulong)expected.Length / 2).Bytes());
        StoredTensor tensor = file.Tensors["a"];
        Assert.Equal(type, tensor.Format.Name);
        Assert.Equal([2, expected.Length / 2], tensor.Shape);
        Assert.Equal(expected, file.Read(tensor));
        float[] second = new float[tensor.Format.BlockElements];
        file.Read(tensor, second.Length, second);
        Assert.Equal(expected[second.Length..(2 * second.Length)], second);
    }

    [Fact]
    public void Facts_shapes_and_plain_types_are_read()
    {
        float[] values = [1, 2, 3, 4, 5, 6];
        using WeightFile file = Open(new GgufFileWriter { Alignment = 64 }
            .Number("general.alignment", 64)
            .Text("general.architecture", "flux")
            .Texts("tokens", "a", "b")
            .List("numbers", 6, 4, 1, 2, 3)
            .List("comfy.gguf.orig_shape.conv", 5, 4, 1, 2, 3, 1)
            .Tensor("conv", 0, MemoryMarshal.AsBytes(values.AsSpan()).ToArray(), 2, 3)
            .Tensor("half", 1, MemoryMarshal.AsBytes(new Half[] { (Half)1.5, (Half)(-2) }.AsSpan()).ToArray(), 2)
            .Tensor("brain", 30, [0x80, 0x3F, 0x40, 0xC0], 2, 1)
            .Bytes());
        Assert.Equal("flux", file.Metadata["general.architecture"]);
        Assert.Equal([1, 2, 3, 1], file.Tensors["conv"].Shape);
        Assert.Equal(values, file.Read(file.Tensors["conv"]));
        Assert.Equal([1.5f, -2], file.Read(file.Tensors["half"]));
        Assert.Equal([1f, -3], file.Read(file.Tensors["brain"]));
    }

    [Theory]
    [MemberData(nameof(Damages))]
    public void A_damaged_file_is_refused_with_the_damage(string expected, Func<byte[]> bytes)
    {
        string message = Assert.Throws<ModelException>(() => Open(bytes()).Dispose()).Message;
        Assert.StartsWith("model.gguf", message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    private WeightFile Open(byte[] bytes)
    {
        string file = _folder.Combine("model.gguf");
        File.WriteAllBytes(file, bytes);
        return CheckpointFile.Open(file);
    }
}
