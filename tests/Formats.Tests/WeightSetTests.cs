using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;
using Brownian.Inference.Tests.Adapters;
using Brownian.Tests.Programs;

namespace Brownian.Formats.Tests;

public sealed class WeightSetTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(null, "model.safetensors", "model.safetensors", "pytorch_model.bin", "model.fp16.safetensors")]
    [InlineData(null, "diffusion_pytorch_model.bin", "diffusion_pytorch_model.bin", "diffusion_pytorch_model.fp16.safetensors")]
    [InlineData("fp16", "model.fp16.safetensors", "model.safetensors", "model.fp16.safetensors", "pytorch_model.fp16.bin")]
    [InlineData("fp16", "pytorch_model.fp16.bin", "model.safetensors", "pytorch_model.fp16.bin")]
    // A part without the variant.
    [InlineData("fp16", "model.safetensors", "model.safetensors", "model.bf16.safetensors")]
    // A folder that has only a variant.
    [InlineData(null, "model.fp16.safetensors", "model.fp16.safetensors")]
    [InlineData("bf16", "diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.fp16.safetensors")]
    [InlineData(null, "model.safetensors.index.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors")]
    [InlineData("fp16", "model.safetensors.index.fp16.json", "model.safetensors.index.fp16.json", "model.safetensors.index.json")]
    [InlineData(null, "model.fp16.safetensors.index.json", "model.fp16.safetensors.index.json", "model.fp16-00001-of-00002.safetensors")]
    [InlineData(null, null, "config.json", "model.onnx", "flax_model.msgpack", "openvino_model.bin")]
    public void The_file_of_a_part_is_found_by_its_name(string? variant, string? expected, params string[] files)
    {
        foreach (string file in files)
        {
            File.WriteAllBytes(_folder.Combine(file), []);
        }
        Assert.Equal(expected is null ? null : _folder.Combine(expected), WeightSet.Find(_folder.FullPath, variant));
        Assert.Null(WeightSet.Find(_folder.Combine("missing"), variant));
    }

    [Fact]
    public void Shards_are_read_as_one()
    {
        Write("a.safetensors", new SafetensorsWriter().Floats("one", [1], 1).Floats("two", [2, 3], 2));
        Write("b.safetensors", new SafetensorsWriter().Floats("three", [4], 1).Floats("unused", [5], 1));
        using WeightSet set = Open(
            """{"metadata":{"total_size":16},"weight_map":{"two":"a.safetensors","three":"b.safetensors","one":"a.safetensors"}}""");
        Assert.Equal(["one", "three", "two"], set.Tensors.Keys.Order(StringComparer.Ordinal));
        Assert.Equal([2, 3], set.Read(set.Tensors["two"]));
        Assert.Equal([4], set.Read(set.Tensors["three"]));
    }

    [Theory]
    [InlineData(
        """{"weight_map":{"one":"a.safetensors","four":"a.safetensors"}}""", "names 1 tensors that its files do not contain: four (a.safetensors)")]
    [InlineData("""{"weight_map":{"one":"c.safetensors"}}""", "c.safetensors cannot be read")]
    [InlineData(
        """{"weight_map":{"one":"../a.safetensors"}}""",
        "the file of \"one\" is \"../a.safetensors\"; allowed: the name of a file in the same folder")]
    [InlineData("""{"weight_map":{"one":".."}}""", "the file of \"one\" is \"..\"")]
    [InlineData("""{"weight_map":{"one":3}}""", "the file of \"one\" is 3")]
    [InlineData("""{"weight_map":{}}""", "no weight_map, or an empty one")]
    [InlineData("""{"weights":{}}""", "no weight_map, or an empty one")]
    [InlineData("[", "is not valid JSON")]
    [InlineData("version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer")]
    public void An_index_that_does_not_fit_is_refused_with_what_is_wrong(string index, string expected)
    {
        Write("a.safetensors", new SafetensorsWriter().Floats("one", [1], 1));
        Assert.Contains(expected, Assert.Throws<ModelException>(() => Open(index).Dispose()).Message, StringComparison.Ordinal);
    }

    private void Write(string name, SafetensorsWriter writer) => File.WriteAllBytes(_folder.Combine(name), writer.Bytes());

    private WeightSet Open(string index)
    {
        string file = _folder.Combine("model.safetensors.index.json");
        File.WriteAllText(file, index);
        return WeightSet.Open(file);
    }
}
