using System.Text.Json.Nodes;
using Brownian.Diffusion.Noise;
using Brownian.Formats.Files;
using Brownian.Formats.Onnx;
using Brownian.Import.Folders;
using Brownian.Import.Graphs;
using CsCheck;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Import.Tests;

/// <summary>Convolutional upscalers in one file.</summary>
public sealed class UpscalerTests : IDisposable
{
    private const float Tolerance = 2e-5f;

    private readonly TemporaryFolder _folder = new();
    private int _imports;

    [Theory]
    [InlineData(0, 1, 1)]
    [InlineData(1, 1, 2)]
    [InlineData(2, 1, 4)]
    [InlineData(3, 1, 8)]
    [InlineData(2, 2, 2)]
    [InlineData(2, 4, 1)]
    public void A_network_in_the_names_of_any_program_makes_the_same_image_which_is_the_definitions(int ups, int unshuffle, int scale)
    {
        var made = MadeUpUpscaler.Rrdb(3, ups: ups, unshuffle: unshuffle);
        float[][] images = [.. MadeUpUpscaler.Styles.Select(style => Check(made, style, isPortable: false, 8, 12, scale))];
        Assert.Equal(images[0], images[1]);
        Assert.Equal(images[0], images[2]);
    }

    [Fact]
    public void A_network_of_any_size_makes_the_image_of_the_definition() => Gen.Select(
        Gen.Select(Gen.Int[1, 7], Gen.Int[1, 5], Gen.Int[1, 3], Gen.Int[0, 2], Gen.Bool),
        Gen.Select(Gen.Int[0, 2], Gen.Bool, Gen.Int[2, 9], Gen.Int[2, 9], Gen.ULong)).Sample(
        (size, run) =>
        {
            ((int features, int growth, int blocks, int ups, bool isPlus), (int style, bool isPortable, int height, int width, ulong seed)) =
                (size, run);
            var made = MadeUpUpscaler.Rrdb(seed, features, growth, blocks, ups, isPlus: isPlus);
            Check(made, MadeUpUpscaler.Styles[style], isPortable, height, width, 1 << ups);
        },
        iter: 20,
        threads: 1);

    [Fact]
    public void A_compact_network_of_any_size_makes_the_image_of_the_definition() => Gen.Select(
        Gen.Select(Gen.Int[1, 7], Gen.Int[1, 5], Gen.Int[1, 4]), Gen.Select(Gen.Bool, Gen.Int[2, 9], Gen.Int[2, 9], Gen.ULong)).Sample(
        (size, run) =>
        {
            ((int features, int convs, int scale), (bool isPortable, int height, int width, ulong seed)) = (size, run);
            string folder = Check(MadeUpUpscaler.Compact(seed, features, convs, scale), isPortable, height, width, scale);
            Assert.Equal(convs + 2, (int)Config(folder)["receptive_field"]!);
        },
        iter: 20,
        threads: 1);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void A_compact_network_enlarges_by_its_scale(int scale) =>
        Check(MadeUpUpscaler.Compact(5, scale: scale), isPortable: false, 6, 5, scale);

    [Fact]
    public void A_file_of_any_format_becomes_the_same_model_and_averaged_weights_are_preferred()
    {
        MadeUpUpscaler made = MadeUpUpscaler.Rrdb(1), step = MadeUpUpscaler.Rrdb(2);
        var files = new Dictionary<string, bool>(StringComparer.Ordinal);
        Write("plain.safetensors", false, file => MadeUpUpscaler.WriteSafetensors(file, made.Named("basic")));
        foreach (bool isOld in (bool[])[false, true])
        {
            Write($"plain-{isOld}.pth", false, file => MadeUpUpscaler.WriteTorch(file, isOld, ("", made.Named("basic"))));
            Write($"step-{isOld}.pth", false, file => MadeUpUpscaler.WriteTorch(file, isOld, ("params", made.Named("basic"))));
            Write($"averages-{isOld}.pth", false, file => MadeUpUpscaler.WriteTorch(file, isOld, ("params_ema", made.Named("basic"))));
            Write(
                $"both-{isOld}.pth", true,
                file => MadeUpUpscaler.WriteTorch(file, isOld, ("params", step.Named("basic")), ("params_ema", made.Named("basic"))));
        }
        string[] fingerprints =
        [
            .. files.Select(file =>
            {
                using var source = CheckpointSource.Open(file.Key, Settings(averages: file.Key.Contains("averages", StringComparison.Ordinal)));
                Assert.Equal(file.Value, source.Notes.Any(note => note.StartsWith("the averaged weights (params_ema)", StringComparison.Ordinal)));
                string folder = Save(source);
                JsonObject manifest = JsonFile.Read(Path.Combine(folder, "brownian.json"));
                Assert.Equal("convolutional upscaler", (string?)manifest["family"]);
                Assert.Equal(
                    ["brownian.json", "upscaler/config.json", "upscaler/model.onnx", "upscaler/model.onnx_data"],
                    Directory.GetFiles(folder, "*", SearchOption.AllDirectories)
                        .Select(path => Path.GetRelativePath(folder, path).Replace('\\', '/')).Order(StringComparer.Ordinal));
                return (string)manifest["fingerprint"]!;
            }),
        ];
        Assert.Single(fingerprints.Distinct());

        void Write(string name, bool hasNote, Action<string> write)
        {
            string file = _folder.Combine(name);
            write(file);
            files[file] = hasNote;
        }
    }

    [Theory]
    [InlineData("old", "model.1.sub.0.RDB2.conv5.0.weight", "model.10.bias")]
    [InlineData("trunk", "RRDB_trunk.0.RDB2.conv5.weight", "HRconv.bias")]
    [InlineData("basic", "body.0.rdb2.conv5.weight", "conv_up2.bias")]
    public void A_graph_has_the_files_names_and_takes_one_image_of_any_size(string style, params string[] weights)
    {
        // Weights of 1 KB and more are in the file beside the graph.
        string folder = Import(MadeUpUpscaler.Rrdb(1, features: 8), style, new GraphOptions(IsPortable: true));
        var graph = OnnxStructure.Read(Path.Combine(folder, "upscaler", "model.onnx"));
        Assert.Equal([1, 3, null, null], Assert.Single(graph.Inputs).Shape);
        Assert.Equal([1, 3, null, null], Assert.Single(graph.Outputs).Shape);
        Assert.Subset(
            graph.Initializers.Select(initializer => initializer.Name).ToHashSet(StringComparer.Ordinal), weights.ToHashSet(StringComparer.Ordinal));
        Assert.Equal(
            MadeUpUpscaler.Rrdb(1, features: 8).Tensors.Count,
            graph.Initializers.Count(initializer => !initializer.Name.StartsWith("constant/", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("old", "model.10.weight [3, 4, 3, 3] is missing", "model.1.sub.0.RDB1.conv2.0.bias is [5]; expected: [3]")]
    [InlineData("trunk", "conv_last.weight [3, 4, 3, 3] is missing", "RRDB_trunk.0.RDB1.conv2.bias is [5]; expected: [3]")]
    [InlineData("basic", "conv_last.weight [3, 4, 3, 3] is missing", "body.0.rdb1.conv2.bias is [5]; expected: [3]")]
    public void Tensors_that_are_missing_or_of_another_shape_are_named_together_and_nothing_is_left(string style, string missing, string wrong)
    {
        var made = MadeUpUpscaler.Rrdb(1);
        made.Tensors.Remove("conv_last.weight");
        made.Tensors["body.0.rdb1.conv2.bias"] = (new float[5], [5]);
        string message = Refused(made.Named(style));
        Assert.Contains(missing, message, StringComparison.Ordinal);
        Assert.Contains(wrong, message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_compact_network_without_a_layer_or_with_another_one_is_refused()
    {
        Assert.Contains("body.3.weight [4] is missing", Without("body.3.weight"), StringComparison.Ordinal);
        Assert.Contains("body.2.bias [4] is missing", Without("body.2.bias"), StringComparison.Ordinal);
        Assert.Contains("body.1.weight is missing, so that its activations are not PReLU", Without("body.1.weight"), StringComparison.Ordinal);
        Assert.Contains(
            "its last layer is body.5.weight F32 [4]; expected: a convolution to 3 * scale^2 channels", Without("body.6.weight"),
            StringComparison.Ordinal);

        string Without(string name)
        {
            var made = MadeUpUpscaler.Compact(1);
            made.Tensors.Remove(name);
            return Refused(made.Named("basic"));
        }
    }

    [Theory]
    [InlineData("body.0.rdb1.conv6.weight", "has 1 tensors that no RRDBNet of its size has: body.0.rdb1.conv6.weight")]
    [InlineData("body.7.rdb1.conv1.weight", "body.1.rdb1.conv1.weight [3, 4, 3, 3] is missing")]
    [InlineData("body.2000000000.rdb1.conv1.weight", "is not supported: it has body.2000000000; supported: up to body.999")]
    public void A_tensor_that_the_network_does_not_have_is_refused(string name, string says)
    {
        var made = MadeUpUpscaler.Rrdb(1);
        made.Tensors[name] = (new float[3 * 4 * 9], [3, 4, 3, 3]);
        Assert.Contains(says, Refused(made.Named("basic")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_with_any_tensor_changed_is_imported_or_refused_by_a_message()
    {
        string file = _folder.Combine("file.safetensors");
        Gen.Select(Gen.Bool, Gen.Int[0, 2], Gen.Int[0, 1000], Gen.Int[0, 5].Array[0, 5], Gen.Bool).Sample(
            (isCompact, style, number, shape, isRemoved) =>
            {
                var made = isCompact ? MadeUpUpscaler.Compact(1) : MadeUpUpscaler.Rrdb(1);
                string name = made.Tensors.Keys.ElementAt(number % made.Tensors.Count);
                if (isRemoved)
                {
                    made.Tensors.Remove(name);
                }
                else
                {
                    made.Tensors[name] = (new float[shape.Aggregate(1, (product, side) => product * side)], shape);
                }
                MadeUpUpscaler.WriteSafetensors(file, made.Named(isCompact ? "basic" : MadeUpUpscaler.Styles[style]));
                try
                {
                    CheckpointSource.Open(file, Settings()).Dispose();
                }
                catch (ModelException exception)
                {
                    Assert.Contains("file.safetensors", exception.Message, StringComparison.Ordinal);
                }
            },
            iter: 300,
            threads: 1);
    }

    [Theory]
    [InlineData(4, 2, "conv_first.weight is for images of 4 channels; supported: 3, and 12 or 48 with pixel unshuffle")]
    [InlineData(48, 1, "it has 1 upsamplings behind a pixel unshuffle by 4")]
    [InlineData(3, 5, "it has 5 upsamplings behind a pixel unshuffle by 1; supported: those that enlarge 1..16 times")]
    public void A_network_of_another_kind_of_images_is_refused(int inputs, int ups, string says)
    {
        var made = MadeUpUpscaler.Rrdb(1, ups: ups);
        made.Tensors["conv_first.weight"] = (new float[4 * inputs * 9], [4, inputs, 3, 3]);
        Assert.Contains(says, Refused(made.Named("basic")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("layers.0.residual_group.blocks.0.attn.relative_position_bias_table", "SwinIR")]
    [InlineData("layers.0.residual_group.overlap_attn.qkv.weight", "HAT")]
    [InlineData("params_ema.layers.0.blocks.0.ffn.sg.norm.weight", "DAT")]
    [InlineData("residual_layer.0.residual_layer.0.layer.0.fn.0.weight", "OmniSR")]
    [InlineData("params.feats.1.lk.conv.weight", "PLKSR")]
    public void An_upscaler_of_another_architecture_is_refused_with_its_name(string tensor, string architecture) => Assert.Contains(
        $"seems to be an upscaler of the architecture {architecture}.", Refused([(tensor, [1], [1])]), StringComparison.Ordinal);

    [Fact]
    public void Settings_that_have_no_meaning_for_upscalers_are_refused()
    {
        string file = _folder.Combine("file.safetensors");
        MadeUpUpscaler.WriteSafetensors(file, MadeUpUpscaler.Rrdb(1).Named("basic"));
        Assert.Contains("has no averaged weights (params_ema)", Fault(Settings(averages: true)), StringComparison.Ordinal);
        Assert.Contains("have no meaning", Fault(Settings() with { PredictionType = "epsilon" }), StringComparison.Ordinal);
        Assert.Contains("have no meaning", Fault(Settings() with { Autoencoder = file }), StringComparison.Ordinal);

        string Fault(ImportSettings settings) => Assert.Throws<ModelException>(() => CheckpointSource.Open(file, settings).Dispose()).Message;
    }

    public void Dispose() => _folder.Dispose();

    private static ImportSettings Settings(bool isPortable = false, bool averages = false) =>
        new(null, new GraphOptions(isPortable)) { UsesAverages = averages };

    private static JsonObject Config(string folder) => JsonFile.Read(Path.Combine(folder, "upscaler", "config.json"));

    private string Import(MadeUpUpscaler made, string style, GraphOptions options)
    {
        string file = _folder.Combine($"{_imports}.safetensors");
        MadeUpUpscaler.WriteSafetensors(file, made.Named(style));
        using var source = CheckpointSource.Open(file, new ImportSettings(null, options));
        return Save(source);
    }

    private string Save(CheckpointSource source)
    {
        string folder = _folder.Combine($"model-{_imports++}");
        ImportWriter.Write(source, folder, null, TestContext.Current.CancellationToken);
        return folder;
    }

    private string Refused(IEnumerable<(string Name, float[] Values, int[] Shape)> tensors)
    {
        string file = _folder.Combine("file.safetensors"), folder = _folder.Combine("imported");
        MadeUpUpscaler.WriteSafetensors(file, tensors);
        string message = Assert.Throws<ModelException>(() =>
        {
            using var source = CheckpointSource.Open(file, Settings());
            ImportWriter.Write(source, folder, null, TestContext.Current.CancellationToken);
        }).Message;
        Assert.Equal([file], Directory.GetFileSystemEntries(_folder.FullPath));
        return message;
    }

    /// <summary>Compares an imported network's image with the definition's, and returns it.</summary>
    private float[] Check(MadeUpUpscaler made, string style, bool isPortable, int height, int width, int scale) =>
        Compare(Import(made, style, new GraphOptions(isPortable)), new NaiveUpscaler(made).Rrdb, height, width, scale);

    private string Check(MadeUpUpscaler made, bool isPortable, int height, int width, int scale)
    {
        string folder = Import(made, "basic", new GraphOptions(isPortable));
        Compare(folder, new NaiveUpscaler(made).Compact, height, width, scale);
        return folder;
    }

    private static float[] Compare(string folder, Func<double[,,], double[,,]> definition, int height, int width, int scale)
    {
        Assert.Equal(scale, (int)Config(folder)["scale"]!);
        float[] image = new float[3 * height * width];
        new TorchCpuGenerator(9).FillNormal(image);
        double[,,] input = new double[3, height, width];
        for (int i = 0; i < image.Length; i++)
        {
            input[i / (height * width), i / width % height, i % width] = image[i];
        }
        using InferenceSession session = GraphRun.Open(Path.Combine(folder, "upscaler", "model.onnx"));
        using var value = OrtValue.CreateTensorValueFromMemory(image, [1, 3, height, width]);
        (long[] shape, float[] values) = GraphRun.Run(session, new Dictionary<string, OrtValue> { ["image"] = value })["larger"];
        double[] expected = [.. definition(input).Cast<double>()];
        Assert.Equal([1, 3, height * scale, width * scale], shape);
        Assert.InRange(
            GraphRun.Difference(Array.ConvertAll(expected, number => (float)number), values), 0, Tolerance * (float)(1 + expected.Max(Math.Abs)));
        return values;
    }
}
