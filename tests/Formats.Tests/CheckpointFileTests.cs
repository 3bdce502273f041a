using System.Diagnostics;
using System.Text;
using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;
using Brownian.Formats.Weights;
using Brownian.Inference.Tests.Adapters;
using Brownian.Tests.Programs;
using CsCheck;

namespace Brownian.Formats.Tests;

public sealed class CheckpointFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_safetensors_file_is_read_whatever_its_name_and_with_eight_bit_floats()
    {
        using WeightFile file = Open(new SafetensorsWriter()
            .Metadata("format", "pt")
            .Floats("f32", [1.5f, -2], 2)
            // 448, the largest of e4m3; -2^-9, its smallest; NaN.
            .Tensor("e4m3", "F8_E4M3", [0x7E, 0x81, 0x7F], 3)
            // 57344, the largest of e5m2; 2^-16, its smallest; infinity.
            .Tensor("e5m2", "F8_E5M2", [0x7B, 0x01, 0x7C], 3)
            .Tensor("i64", "I64", BitConverter.GetBytes(7L))
            .Bytes());
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal([1.5f, -2], Read(file, "f32"));
        Assert.Equal([448, -1f / 512, float.NaN], Read(file, "e4m3"));
        Assert.Equal([57344, 1f / 65536, float.PositiveInfinity], Read(file, "e5m2"));
        Assert.Equal([7], Read(file, "i64"));
        byte[] raw = new byte[4];
        file.ReadBytes(file.Tensors["f32"], 4, raw);
        Assert.Equal(-2f, BitConverter.ToSingle(raw));
    }

    [Fact]
    public void Any_part_of_a_tensor_is_the_part_of_the_whole() =>
        Gen.Select(Gen.Float[-1e6f, 1e6f].Array[1, 200], Gen.Int[0, 199], Gen.Int[0, 200]).Sample((values, first, length) =>
        {
            first %= values.Length;
            length = Math.Min(length, values.Length - first);
            using WeightFile file = Open(new SafetensorsWriter().Floats("a", [0, 0, 0], 3).Floats("b", values, values.Length).Bytes());
            float[] part = new float[length];
            file.Read(file.Tensors["b"], first, part);
            return part.AsSpan().SequenceEqual(values.AsSpan(first, length));
        });

    [Fact]
    public void A_tensor_larger_than_a_piece_is_read_whole()
    {
        float[] values = [.. Enumerable.Range(0, 700_001).Select(i => (float)i)];
        using WeightFile file = Open(new SafetensorsWriter().Floats("a", values, values.Length).Bytes());
        Assert.Equal(values, Read(file, "a"));
    }

    [Theory]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n", "a Git LFS pointer")]
    [InlineData("<!DOCTYPE html><html><body>Sign in</body></html>", "a web page (HTML)")]
    [InlineData("{\"error\": \"Repository not found\"}", "a JSON error message")]
    [InlineData("", "an empty file")]
    public void A_download_that_is_no_checkpoint_is_named(string content, string expected) =>
        Assert.Contains("is " + expected, Refused(Encoding.UTF8.GetBytes(content)), StringComparison.Ordinal);

    [Fact]
    public void A_missing_file_is_named_without_its_folder()
    {
        string message = Assert.Throws<ModelException>(() => CheckpointFile.Open(_folder.Combine("missing.safetensors")).Dispose()).Message;
        Assert.StartsWith("missing.safetensors cannot be read", message, StringComparison.Ordinal);
        Assert.DoesNotContain(_folder.FullPath, message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_truncated_after_it_was_opened_is_a_fault_and_no_crash()
    {
        using WeightFile file = Open(new SafetensorsWriter().Floats("a", new float[1000], 1000).Bytes());
        // Another program, which does not ask whether the file is open.
        using (Process truncate = Process.Start("truncate", ["-s", "500", Path.Combine(_folder.FullPath, file.Name)]))
        {
            truncate.WaitForExit();
        }
        Assert.Contains("ends at byte 500", Assert.Throws<ModelException>(() => Read(file, "a")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_truncation_is_refused()
    {
        TorchFileWriter torch = new TorchFileWriter()
            .Storage("0", new byte[8]).Dictionary().Text("a").Tensor("0", "FloatStorage", 2, 0, [2], [1]).EndDictionary();
        byte[][] files =
        [
            new SafetensorsWriter().Floats("a", [1, 2], 2).Bytes(),
            new GgufFileWriter().Text("general.architecture", "flux").Tensor("a", 0, new byte[32], 8).Bytes(),
            torch.Archive(),
            torch.Old(sizeof(float)),
        ];
        foreach (byte[] whole in files)
        {
            using (Open(whole))
            {
            }
            for (int length = 0; length < whole.Length; length++)
            {
                Refused(whole[..length]);
            }
        }
    }

    private static float[] Read(WeightFile file, string name) => file.Read(file.Tensors[name]);

    private WeightFile Open(byte[] bytes)
    {
        // Properties are tried by several threads.
        string file = _folder.Combine($"{Guid.NewGuid():n}.any");
        File.WriteAllBytes(file, bytes);
        return CheckpointFile.Open(file);
    }

    private string Refused(byte[] bytes) => Assert.Throws<ModelException>(() => Open(bytes).Dispose()).Message;
}
