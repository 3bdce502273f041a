using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using Brownian.Formats.Files;
using Brownian.Formats.Safetensors;
using Brownian.Formats.Tensors;
using Brownian.Models.Stages;
using CsCheck;

namespace Brownian.Formats.Tests;

/// <summary>Readers of sizes in a file or a message: a product that overflows looks like a small one.</summary>
public sealed class ElementCountTests
{
    /// <summary>Shapes whose products are 0 or small when they overflow at 32 or 64 bits.</summary>
    public static TheoryData<int[]> Wrapping => new(
        new[] { 1 << 30, 1 << 30, 1 << 4 },
        new[] { 1 << 16, 1 << 16 },
        new[] { 1 << 16, 1 << 16, 1 << 16, 1 << 16 },
        new[] { int.MaxValue, int.MaxValue, int.MaxValue },
        new[] { 1 << 30, 2, 1 << 30, 4, 8 },
        new[] { -1, -1 },
        new[] { -4 });

    [Fact]
    public void The_element_count_is_the_product_of_the_shape_or_null() => Gen.Int[-2, int.MaxValue].Array[0, 6].Sample(shape =>
    {
        BigInteger product = shape.Aggregate(BigInteger.One, (product, side) => product * side);
        Assert.Equal(shape.Any(side => side < 0) || product > long.MaxValue ? null : (long)product, ElementCount.Of(shape));
    });

    [Theory]
    [MemberData(nameof(Wrapping))]
    public void A_npy_file_of_a_wrapping_shape_is_refused(int[] shape)
    {
        foreach (int bytes in (int[])[0, 4, 16])
        {
            string header = $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({string.Join(", ", shape)},), }}\n";
            byte[] file = [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. Encoding.ASCII.GetBytes(header), .. new byte[bytes]];
            Assert.Throws<InvalidDataException>(() => NpyFile.Read(file));
        }
    }

    [Theory]
    [MemberData(nameof(Wrapping))]
    public void A_stages_value_of_a_wrapping_shape_is_refused(int[] shape)
    {
        foreach (int bytes in (int[])[0, 4, 16])
        {
            Assert.Throws<InvalidDataException>(() => new StageValue(StageDtype.Float32, shape, new byte[bytes]).ToTensor());
            Assert.Throws<InvalidDataException>(() => new StageValue(StageDtype.UInt8, [.. shape.Take(2), 3], new byte[bytes]).ToImage());
        }
    }

    [Theory]
    [MemberData(nameof(Wrapping))]
    public void A_safetensors_file_of_a_wrapping_shape_is_refused(int[] shape)
    {
        foreach (int bytes in (int[])[0, 4, 16])
        {
            byte[] header = Encoding.ASCII.GetBytes(
                $$$"""{"a": {"dtype": "F32", "shape": [{{{string.Join(", ", shape)}}}], "data_offsets": [0, {{{bytes}}}]}}""");
            var length = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
            Assert.Throws<ModelException>(() => SafetensorsFile.Parse([.. length, .. header, .. new byte[bytes]], "a"));
        }
    }
}
