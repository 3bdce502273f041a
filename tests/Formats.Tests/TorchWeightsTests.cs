using System.IO.Compression;
using System.Runtime.InteropServices;
using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;
using Brownian.Formats.Weights;
using Brownian.Tests.Programs;

namespace Brownian.Formats.Tests;

public sealed class TorchWeightsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, string> Foreign => new()
    {
        { "os", "system" },
        { "posix", "system" },
        { "builtins", "eval" },
        { "__builtin__", "eval" },
        { "builtins", "getattr" },
        { "torch.nn.modules.linear", "Linear" },
        { "torch", "load" },
        { "collections", "OrderedDict.__reduce__" },
        { "numpy", "load" },
    };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_checkpoint_is_read_with_its_views_and_shared_storages(bool isOld)
    {
        TorchFileWriter writer = new TorchFileWriter()
            .Storage("0", Bytes(0f, 1, 2, 3, 4, 5, 6))
            .Dictionary(isOrdered: true)
            .Text("rows").Tensor("0", "FloatStorage", 7, 1, [2, 3], [3, 1])
            .Text("transposed").Tensor("0", "FloatStorage", 7, 1, [3, 2], [1, 3])
            .Text("one").Tensor("0", "FloatStorage", 7, 6, [], [])
            .Text("repeated").Tensor("0", "FloatStorage", 7, 2, [2, 2], [0, 1])
            .Text("empty").Tensor("0", "FloatStorage", 7, 7, [0, 3], [3, 1])
            .EndDictionary()
            // The state of an OrderedDict: {"_metadata": {}}
            .Dictionary().Text("_metadata").Raw((byte)'}').EndDictionary().Raw((byte)'b');
        using WeightFile file = Open(isOld ? writer.Old(sizeof(float)) : writer.Archive());

        Assert.Equal([1, 2, 3, 4, 5, 6], Read(file, "rows"));
        Assert.Null(file.Tensors["rows"].Strides);
        Assert.Equal([1, 4, 2, 5, 3, 6], Read(file, "transposed"));
        Assert.Equal([6], Read(file, "one"));
        Assert.Equal([2, 3, 2, 3], Read(file, "repeated"));
        Assert.Empty(Read(file, "empty"));
        float[] part = new float[3];
        file.Read(file.Tensors["transposed"], 2, part);
        Assert.Equal([2, 5, 3], part);
    }

    [Fact]
    public void Half_precision_is_widened_and_a_side_of_one_has_any_stride()
    {
        using WeightFile file = Open(new TorchFileWriter()
            .Storage("0", MemoryMarshal.AsBytes(new Half[] { (Half)1.5, (Half)(-2) }.AsSpan()).ToArray())
            .Storage("1", [0x80, 0x3F, 0x40, 0xC0])
            .Dictionary()
            .Text("half").Tensor("0", "HalfStorage", 2, 0, [2, 1], [1, 7])
            .Text("brain").Tensor("1", "BFloat16Storage", 2, 0, [1, 2], [9, 1])
            .EndDictionary()
            .Archive());
        Assert.Equal([1.5f, -2], Read(file, "half"));
        Assert.Equal([1f, -3], Read(file, "brain"));
        Assert.All(file.Tensors.Values, tensor => Assert.Null(tensor.Strides));
    }

    [Fact]
    public void Tensors_of_a_state_dict_are_read_and_those_beside_it_are_not()
    {
        using WeightFile file = Open(new TorchFileWriter()
            .Storage("0", Bytes(1f, 2)).Storage("1", Bytes(3f))
            .Dictionary()
            .Text("epoch").Number(7)
            .Text("optimizer").Dictionary().Text("momentum").Tensor("1", "FloatStorage", 1, 0, [1], [1]).EndDictionary()
            .Text("state_dict").Dictionary().Text("a.weight").Tensor("0", "FloatStorage", 2, 0, [2], [1]).EndDictionary()
            // What the original checkpoints of Stable Diffusion hold beside it.
            .Text("callbacks").Dictionary()
            .Global("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint").Dictionary().EndDictionary()
            .EndDictionary()
            .Text("loss").Global("numpy.core.multiarray", "scalar").Global("numpy", "dtype").Raw((byte)'(').Text("f8").Number(0).Number(1)
            .Raw((byte)'t', (byte)'R').Numbers(3).Raw((byte)'b')
            .Global("_codecs", "encode").Raw((byte)'(').Text("x").Text("latin1").Raw((byte)'t', (byte)'R', 0x86, (byte)'R')
            .EndDictionary()
            .Archive("v1-5-pruned"));
        Assert.Equal("a.weight", Assert.Single(file.Tensors).Key);
        Assert.Equal([1, 2], Read(file, "a.weight"));
    }

    [Fact]
    public void Tensors_of_nested_dictionaries_have_joined_names()
    {
        using WeightFile file = Open(new TorchFileWriter()
            .Storage("0", Bytes(1f, 2))
            .Dictionary()
            .Text("params_ema").Dictionary().Text("conv.weight").Tensor("0", "FloatStorage", 2, 0, [2], [1]).EndDictionary()
            .EndDictionary()
            .Archive());
        Assert.Equal(["params_ema.conv.weight"], file.Tensors.Keys);
    }

    [Theory]
    [MemberData(nameof(Foreign))]
    public void A_name_of_code_is_refused_with_the_name_and_not_run(string module, string name)
    {
        TorchFileWriter writer = new TorchFileWriter()
            .Dictionary()
            .Text("x").Global(module, name).Raw((byte)'(').Text("touch " + _folder.Combine("ran")).Raw((byte)'t', (byte)'R')
            .EndDictionary();
        foreach (byte[] bytes in (byte[][])[writer.Archive(), writer.Old(sizeof(float))])
        {
            string message = Refused(bytes);
            Assert.Contains($"contains {module}.{name}", message, StringComparison.Ordinal);
            Assert.Contains("nothing of it was run", message, StringComparison.Ordinal);
        }
        Assert.False(File.Exists(_folder.Combine("ran")));
    }

    [Fact]
    public void A_name_on_the_stack_is_refused_as_one_in_the_text_is()
    {
        // Protocol 4: STACK_GLOBAL.
        string message = Refused(new TorchFileWriter().Text("os").Text("system").Raw(0x93).Text("true").Raw(0x85, (byte)'R').Archive());
        Assert.Contains("contains os.system", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData((byte)'i')] // INST
    [InlineData((byte)'o')] // OBJ
    [InlineData(0x82)] // EXT1
    [InlineData(0x92)] // NEWOBJ_EX
    [InlineData((byte)'P')] // PERSID
    public void An_opcode_that_makes_objects_is_refused(int opcode)
    {
        string message = Refused(new TorchFileWriter().Raw((byte)'(', (byte)opcode).Raw("os\nsystem\n"u8).Archive());
        Assert.Contains($"opcode 0x{opcode:X2}", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 6, new[] { 2, 4 }, new[] { 4, 1 }, "exceeds its storage of 6 elements")]
    [InlineData(5, 6, new[] { 2 }, new[] { 1 }, "exceeds its storage of 6 elements")]
    [InlineData(-1, 6, new[] { 2 }, new[] { 1 }, "exceeds its storage of 6 elements")]
    [InlineData(0, 6, new[] { -2 }, new[] { 1 }, "has the size -2")]
    [InlineData(0, 6, new[] { 2 }, new[] { -1 }, "and the stride -1")]
    [InlineData(0, 6, new[] { int.MaxValue, int.MaxValue }, new[] { int.MaxValue, int.MaxValue }, "exceeds")]
    [InlineData(0, 7, new[] { 7 }, new[] { 1 }, "the storage 0 has 24 bytes, and \"a\" needs 28")]
    public void A_tensor_outside_its_storage_is_refused(int offset, int count, int[] shape, int[] strides, string expected) => Assert.Contains(
        expected,
        Refused(new TorchFileWriter()
            .Storage("0", new byte[24])
            .Dictionary().Text("a").Tensor("0", "FloatStorage", count, offset, shape, strides).EndDictionary()
            .Archive()),
        StringComparison.Ordinal);

    [Fact]
    public void A_file_that_is_no_checkpoint_is_refused_with_what_it_is()
    {
        TorchFileWriter writer = new TorchFileWriter()
            .Storage("0", Bytes(1f)).Dictionary().Text("a").Tensor("0", "FloatStorage", 1, 0, [1], [1]).EndDictionary();
        byte[] whole = writer.Archive();
        Assert.Contains("compressed", Refused(writer.Archive(compression: CompressionLevel.Optimal)), StringComparison.Ordinal);
        Assert.Contains("byte order", Refused(writer.Archive(byteOrder: "big")), StringComparison.Ordinal);
        Assert.Contains("did not finish", Refused(whole[..^30]), StringComparison.Ordinal);
        Assert.Contains("without tensors", Refused(new TorchFileWriter().Raw((byte)'}').Archive()), StringComparison.Ordinal);
        Assert.Contains("PyTorch did not write", Refused(new TorchFileWriter().Raw((byte)'}').Pickle()), StringComparison.Ordinal);
        Assert.Contains("no storage 9", Refused(new TorchFileWriter()
            .Dictionary().Text("a").Tensor("9", "FloatStorage", 1, 0, [1], [1]).EndDictionary().Archive()), StringComparison.Ordinal);
        var other = new MemoryStream();
        using (var archive = new ZipArchive(other, ZipArchiveMode.Create, leaveOpen: true))
        {
            archive.CreateEntry("readme.txt", CompressionLevel.NoCompression);
        }
        Assert.Contains("without data.pkl", Refused(other.ToArray()), StringComparison.Ordinal);
        byte[] old = writer.Old(sizeof(float));
        Assert.Contains("would have 1 elements, and 3 bytes follow", Refused(old[..^1]), StringComparison.Ordinal);
    }

    [Fact]
    public void A_container_that_contains_itself_ends_and_a_deep_one_is_refused()
    {
        // memo 0 is the list, which gets itself.
        Assert.Contains("without tensors", Refused(new TorchFileWriter()
            .Raw((byte)']', (byte)'q', 0, (byte)'h', 0, (byte)'a').Archive()), StringComparison.Ordinal);
        TorchFileWriter deep = new();
        for (int i = 0; i < 100_000; i++)
        {
            deep.Raw((byte)']');
        }
        for (int i = 1; i < 100_000; i++)
        {
            deep.Raw((byte)'a');
        }
        Assert.Contains("more than 32 deep", Refused(deep.Archive()), StringComparison.Ordinal);
    }

    private static byte[] Bytes(params float[] values) => MemoryMarshal.AsBytes(values.AsSpan()).ToArray();

    private static float[] Read(WeightFile file, string name) => file.Read(file.Tensors[name]);

    private WeightFile Open(byte[] bytes)
    {
        string file = _folder.Combine("model.bin");
        File.WriteAllBytes(file, bytes);
        return CheckpointFile.Open(file);
    }

    private string Refused(byte[] bytes)
    {
        string message = Assert.Throws<ModelException>(() => Open(bytes).Dispose()).Message;
        Assert.StartsWith("model.bin", message, StringComparison.Ordinal);
        return message;
    }
}
