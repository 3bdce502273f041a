using System.Text;
using Brownian.Formats.Files;
using Brownian.Formats.Safetensors;
using Brownian.Inference.Tests.Adapters;
using CsCheck;

namespace Brownian.Formats.Tests;

public sealed class SafetensorsFileTests
{
    private const string Good = """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F16","shape":[],"data_offsets":[8,10]}}""";

    public static TheoryData<string, int, string> Damages => new()
    {
        { "[1]", 0, "not a JSON object" },
        { "{\"a\":", 0, "not valid JSON" },
        { """{"a":3}""", 0, "not described by a JSON object" },
        { """{"a":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}}""", 8, "has the dtype \"F99\"" },
        { """{"a":{"shape":[2],"data_offsets":[0,8]}}""", 8, "has the dtype null" },
        { """{"a":{"dtype":"F32","data_offsets":[0,8]}}""", 8, "has no shape" },
        { """{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "has the dimension -2" },
        { """{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}""", 8, "has the dimension 2.5" },
        { """{"a":{"dtype":"F32","shape":[4294967297],"data_offsets":[0,4]}}""", 4, "has the dimension 4294967297" },
        { """{"a":{"dtype":"F32","shape":[65536,65536,65536],"data_offsets":[0,8]}}""", 8, "more elements than a file can hold" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", 8, "no data_offsets of two whole numbers" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "has the data_offsets [8, 0]" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9223372036854775807]}}""", 8, "allowed: ascending, within 0..8" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,12]}}""", 8, "allowed: ascending, within 0..8" },
        { """{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "has 8 bytes, and [3] of F32 takes 12" },
        { """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}""", 6, "\"b\" overlaps" },
        {
            """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[6,10]}}""", 10,
            "\"b\" leaves a gap of 2 bytes"
        },
        { """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 6, "2 bytes follow its last tensor" },
        {
            """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "\"a\" is twice"
        },
        { """{"__metadata__":{"x":3}}""", 0, "a value that is not text" },
        { """{"__metadata__":[]}""", 0, "__metadata__ is not a JSON object" },
        { """{"__metadata__":{},"__metadata__":{}}""", 0, "__metadata__ is twice" },
    };

    [Theory]
    [MemberData(nameof(Damages))]
    public void A_damaged_safetensors_header_is_refused_with_the_damage(string header, int bytes, string message) =>
        Assert.Contains(message, Refused(SafetensorsWriter.Bytes(header, new byte[bytes])), StringComparison.Ordinal);

    [Fact]
    public void A_header_longer_than_the_file_or_the_limit_is_refused_before_it_is_read()
    {
        Assert.Contains("has 3 bytes", Refused([1, 2, 3]), StringComparison.Ordinal);
        Assert.Contains(
            "is 9 bytes long by its first eight bytes, and only 2 follow", Refused([9, 0, 0, 0, 0, 0, 0, 0, (byte)'{', (byte)'}']),
            StringComparison.Ordinal);
        Assert.Contains("18446744073709551615 bytes long", Refused([255, 255, 255, 255, 255, 255, 255, 255, 0]), StringComparison.Ordinal);
        Assert.Contains("100000001 bytes long", Refused([0x01, 0xE1, 0xF5, 0x05, 0, 0, 0, 0]), StringComparison.Ordinal);
    }

    [Fact]
    public void A_pickle_file_is_refused_by_its_format()
    {
        Assert.Contains("pickle", Refused([.. "PK\u0003\u0004"u8, 0, 0, 0, 0, 0]), StringComparison.Ordinal);
        Assert.Contains("pickle", Refused([0x80, 2, (byte)'}', (byte)'q', 0, (byte)'X', 1, 0, 0, 0]), StringComparison.Ordinal);
        // A header of 0x80 + 0x02 * 256 bytes begins like a pickle.
        byte[] header = Encoding.UTF8.GetBytes("{" + new string(' ', 0x280 - 2) + "}");
        Assert.Empty(SafetensorsFile.Parse([0x80, 2, 0, 0, 0, 0, 0, 0, .. header], "x").Tensors);
    }

    [Fact]
    public void Values_of_every_float_type_are_read_and_the_bytes_are_hashed()
    {
        byte[] bytes = new SafetensorsWriter()
            .Metadata("format", "pt")
            .Floats("f32", [1.5f, -2], 2)
            .Tensor("f16", "F16", [0x00, 0x3E], 1)
            .Tensor("bf16", "BF16", [0xC0, 0x3F], 1)
            .Tensor("f64", "F64", BitConverter.GetBytes(1.5), 1)
            .Tensor("i64", "I64", new byte[8], 1)
            .Bytes();
        SafetensorsFile file = SafetensorsFile.Parse(bytes, "some.safetensors");
        Assert.Equal([1.5f, -2], file.Values(file.Tensors["f32"]));
        Assert.All((string[])["f16", "bf16", "f64"], name => Assert.Equal([1.5f], file.Values(file.Tensors[name])));
        Assert.Contains("\"i64\" is I64", Assert.Throws<ModelException>(() => file.Values(file.Tensors["i64"])).Message, StringComparison.Ordinal);
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes)), file.Sha256);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_value_that_is_not_finite_is_refused(float value)
    {
        SafetensorsFile file = SafetensorsFile.Parse(new SafetensorsWriter().Floats("a", [1, value], 2).Bytes(), "some.safetensors");
        Assert.Contains("only finite values", Assert.Throws<ModelException>(() => file.Values(file.Tensors["a"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_changed_safetensors_file_is_read_or_refused_without_another_error()
    {
        byte[] good = SafetensorsWriter.Bytes(Good, new byte[10]);
        Assert.Equal(2, SafetensorsFile.Parse(good, "x").Tensors.Count);
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte, Gen.Int[0, good.Length]).Sample((place, value, length) =>
        {
            byte[] bytes = good[..length];
            if (place < length)
            {
                bytes[place] = value;
            }
            try
            {
                SafetensorsFile file = SafetensorsFile.Parse(bytes, "x");
                Assert.All(file.Tensors.Values, tensor => Assert.InRange(tensor.Start + tensor.Length, 8, bytes.Length));
            }
            catch (ModelException exception)
            {
                Assert.StartsWith("x is", exception.Message, StringComparison.Ordinal);
            }
        });
    }

    private static string Refused(byte[] bytes) => Assert.Throws<ModelException>(() => SafetensorsFile.Parse(bytes, "some.safetensors")).Message;
}
