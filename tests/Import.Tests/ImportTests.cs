using System.Text;
using System.Text.Json.Nodes;
using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;
using Brownian.Formats.Weights;
using Brownian.Import.Folders;
using Brownian.Import.Graphs;
using Brownian.Inference.Tests.Adapters;

namespace Brownian.Import.Tests;

/// <summary>Checkpoints that cannot be imported, and imports that are stopped.</summary>
public sealed class ImportTests(Checkpoints checkpoints) : IDisposable
{
    private const string Model = "tiny-sd15";

    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public void A_folder_appears_when_it_is_complete_with_what_is_known_of_it()
    {
        string source = Copy();
        File.WriteAllText(Path.Combine(source, "README.md"), "---\ntags:\n- art\nlicense: openrail++\n---\n# A model\nlicense: none\n");
        string imported = _folder.Combine("imported");
        var reports = new List<ImportProgress>();
        Import(source, imported, new Reports(reports.Add));

        JsonObject manifest = JsonFile.Read(Path.Combine(imported, "brownian.json"));
        Assert.Equal("Stable Diffusion 1.x/2.x", (string?)manifest["family"]);
        Assert.Equal("openrail++", (string?)manifest["license"]);
        Assert.Equal("source", (string?)manifest["source"]);
        Assert.Matches("^[0-9a-f]{64}$", (string?)manifest["fingerprint"]);
        Assert.False(manifest.ContainsKey("checkpoint_sha256"));
        Assert.Equal(reports[^1].AllBytes, reports[^1].Bytes);
        Assert.Equal(
            ["text_encoder", "unet", "vae_decoder", "vae_encoder"], reports.Select(report => report.Part).Distinct().Order(StringComparer.Ordinal));
        Assert.Equal(["imported", "source"], Left());
        // The same weights give the same model.
        Import(checkpoints.Folder(Model), _folder.Combine("again"));
        Assert.Equal(
            (string?)manifest["fingerprint"], (string?)JsonFile.Read(Path.Combine(_folder.Combine("again"), "brownian.json"))["fingerprint"]);
    }

    [Fact]
    public void A_folder_that_exists_is_not_overwritten()
    {
        string taken = _folder.Combine("taken");
        Directory.CreateDirectory(taken);
        ModelException exception = Assert.Throws<ModelException>(() => Import(checkpoints.Folder(Model), taken));
        Assert.Contains("exists already", exception.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(taken));
    }

    [Fact]
    public void A_stopped_import_continues_with_the_first_graph_that_is_not_complete()
    {
        string source = checkpoints.Folder(Model), imported = _folder.Combine("imported");
        using var stopping = new CancellationTokenSource();
        using (var checkpoint = CheckpointSource.Open(source, new ImportSettings(null, new GraphOptions())))
        {
            var stop = new Reports(report =>
            {
                if (report.Part == "vae_encoder")
                {
                    stopping.Cancel();
                }
            });
            Assert.ThrowsAny<OperationCanceledException>(() => ImportWriter.Write(checkpoint, imported, stop, stopping.Token));
        }
        Assert.False(Directory.Exists(imported));

        var reports = new List<ImportProgress>();
        Import(source, imported, new Reports(reports.Add));

        Assert.Equal(["vae_encoder", "vae_decoder"], reports.Select(report => report.Part).Distinct());
        Assert.Equal(reports[^1].AllBytes, reports[^1].Bytes);
        Assert.Equal(["imported"], Left());
        string whole = _folder.Combine("whole");
        Import(source, whole);
        Assert.Equal(File.ReadAllText(Path.Combine(whole, "brownian.json")), File.ReadAllText(Path.Combine(imported, "brownian.json")));
    }

    [Theory]
    [InlineData("tiny-sd15")]
    [InlineData("tiny-sd21")]
    public void A_second_import_of_the_same_name_leaves_the_first_alone(string other)
    {
        string imported = _folder.Combine("imported");
        int refusals = 0;
        Import(checkpoints.Folder(Model), imported, new Reports(_ =>
        {
            ModelException refused = Assert.Throws<ModelException>(() => Import(checkpoints.Folder(other), imported));
            Assert.Contains("is imported by another process now", refused.Message, StringComparison.Ordinal);
            refusals++;
        }));
        Assert.NotEqual(0, refusals);
        Assert.Equal(["imported"], Left());
    }

    [Theory]
    [InlineData(float.NaN, false)]
    [InlineData(float.PositiveInfinity, false)]
    [InlineData(float.NaN, true)]
    public void A_weight_that_is_no_number_is_named(float number, bool isQuantized)
    {
        string source = Copy(), file = Path.Combine(source, "unet", "diffusion_pytorch_model.safetensors");
        const string Weight = "mid_block.attentions.0.proj_in.weight";
        var writer = new SafetensorsWriter();
        using (var set = WeightSet.OpenFile(file))
        {
            foreach (StoredTensor tensor in set.Tensors.Values)
            {
                float[] values = set.Read(tensor);
                values[^1] = tensor.Name == Weight ? number : values[^1];
                writer.Floats(tensor.Name, values, [.. tensor.Shape]);
            }
        }
        File.WriteAllBytes(file, writer.Bytes());
        var graphs = new GraphOptions { QuantizesLinear = isQuantized, QuantizesConvolutions = isQuantized };
        using var checkpoint = CheckpointSource.Open(source, new ImportSettings(null, graphs));

        string message = Assert.Throws<ModelException>(() => ImportWriter.Write(checkpoint, _folder.Combine("imported"), null, Stop)).Message;

        Assert.Contains($"{Weight} has elements that are not finite numbers", message, StringComparison.Ordinal);
        Assert.Equal(["source"], Left());
    }

    [Fact]
    public void A_stopped_import_of_other_files_is_not_continued()
    {
        string source = Copy(), imported = _folder.Combine("imported");
        using var stopping = new CancellationTokenSource();
        using (var checkpoint = CheckpointSource.Open(source, new ImportSettings(null, new GraphOptions())))
        {
            var stop = new Reports(report =>
            {
                if (report.Part == "vae_decoder")
                {
                    stopping.Cancel();
                }
            });
            Assert.ThrowsAny<OperationCanceledException>(() => ImportWriter.Write(checkpoint, imported, stop, stopping.Token));
        }
        string file = Path.Combine(source, "unet", "diffusion_pytorch_model.safetensors");
        File.SetLastWriteTimeUtc(file, File.GetLastWriteTimeUtc(file).AddSeconds(2));
        var reports = new List<ImportProgress>();
        Import(source, imported, new Reports(reports.Add));
        Assert.Contains(reports, report => report.Part == "unet");
    }

    [Fact]
    public void Weights_that_are_missing_or_of_another_shape_are_named_together_and_nothing_is_left()
    {
        string source = Copy();
        Rewrite(Path.Combine(source, "unet", "diffusion_pytorch_model.safetensors"), (name, shape) => name switch
        {
            "conv_out.bias" or "mid_block.resnets.0.conv1.weight" => null,
            "time_embedding.linear_1.weight" => [32, 128],
            _ => shape,
        });
        Rewrite(Path.Combine(source, "vae", "diffusion_pytorch_model.safetensors"), (name, shape) =>
            name == "decoder.mid_block.attentions.0.query.weight" ? null : shape);

        string message = Assert.Throws<ModelException>(() => Import(source, _folder.Combine("imported"))).Message;

        Assert.Contains("unet/diffusion_pytorch_model.safetensors does not fit its configuration", message, StringComparison.Ordinal);
        Assert.Contains("conv_out.bias [4] is missing", message, StringComparison.Ordinal);
        Assert.Contains("mid_block.resnets.0.conv1.weight [64, 64, 3, 3] is missing", message, StringComparison.Ordinal);
        Assert.Contains("time_embedding.linear_1.weight is [32, 128]; expected: [128, 32]", message, StringComparison.Ordinal);
        Assert.Contains("decoder.mid_block.attentions.0.to_q.weight [16, 16] is missing", message, StringComparison.Ordinal);
        Assert.Equal(["source"], Left());
    }

    [Theory]
    [InlineData("unet", "down_block_types", """["KDownBlock2D", "DownBlock2D"]""")]
    [InlineData("unet", "center_input_sample", "true")]
    [InlineData("unet", "dual_cross_attention", "true")]
    [InlineData("unet", "class_embed_type", "\"other\"")]
    [InlineData("unet", "addition_embed_type", "\"image\"")]
    [InlineData("unet", "encoder_hid_dim_type", "\"image_proj\"")]
    [InlineData("unet", "act_fn", "\"sine\"")]
    [InlineData("unet", "time_embedding_type", "\"fourier\"")]
    [InlineData("unet", "attention_type", "\"gated\"")]
    [InlineData("unet", "num_attention_heads", "4")]
    [InlineData("unet", "cross_attention_norm", "\"layer_norm\"")]
    [InlineData("unet", "attention_head_dim", "[4, 4, 4]")]
    [InlineData("unet", "attention_head_dim", "0")]
    [InlineData("unet", "attention_head_dim", "5")]
    [InlineData("unet", "norm_num_groups", "7")]
    [InlineData("unet", "block_out_channels", "\"32\"")]
    [InlineData("unet", "block_out_channels", "[32, 100000000]")]
    [InlineData("unet", "transformer_layers_per_block", "[[1, 1], 1]")]
    [InlineData("vae", "down_block_types", """["AttnDownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"]""")]
    [InlineData("vae", "norm_num_groups", "5")]
    [InlineData("text_encoder", "hidden_act", "\"relu6\"")]
    [InlineData("text_encoder", "num_attention_heads", "5")]
    public void An_option_that_is_not_supported_is_named_by_its_key(string part, string key, string value)
    {
        string source = Copy(), config = Path.Combine(source, part, "config.json");
        JsonObject json = JsonFile.Read(config);
        json[key] = JsonNode.Parse(value);
        File.WriteAllText(config, json.ToJsonString());

        string message = Assert.Throws<ModelException>(() => Import(source, _folder.Combine("imported"))).Message;

        Assert.Contains($"{part}/config.json: \"{key}\" is {JsonNode.Parse(value)!.ToJsonString()}; supported: ", message, StringComparison.Ordinal);
        Assert.Equal(["source"], Left());
    }

    [Fact]
    public void A_network_that_is_not_supported_is_named()
    {
        string source = Copy(), config = Path.Combine(source, "unet", "config.json");
        JsonObject json = JsonFile.Read(config);
        json["_class_name"] = "UNet3DConditionModel";
        File.WriteAllText(config, json.ToJsonString());
        Directory.Delete(Path.Combine(source, "text_encoder"), recursive: true);
        string message = Assert.Throws<ModelException>(() => Import(source, _folder.Combine("imported"))).Message;
        Assert.Contains("unet is a UNet3DConditionModel, which is not supported", message, StringComparison.Ordinal);
        Assert.Contains("text_encoder, which model_index.json names, is missing", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<!DOCTYPE html><html>not found</html>", "HTML")]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", "Git LFS")]
    public void A_file_that_is_something_else_is_named_as_what_it_is(string content, string what)
    {
        string source = Copy();
        File.WriteAllText(Path.Combine(source, "unet", "diffusion_pytorch_model.safetensors"), content);
        string message = Assert.Throws<ModelException>(() => Import(source, _folder.Combine("imported"))).Message;
        Assert.Contains(what, message, StringComparison.Ordinal);
        Assert.Equal(["source"], Left());
    }

    [Fact]
    public void A_file_that_is_truncated_while_it_is_imported_leaves_nothing()
    {
        string source = Copy(), file = Path.Combine(source, "unet", "diffusion_pytorch_model.safetensors");
        using var checkpoint = CheckpointSource.Open(source, new ImportSettings(null, new GraphOptions()));
        // By another program, which locks of this one do not concern.
        using (var truncate = System.Diagnostics.Process.Start("truncate", ["-s", "100000", file]))
        {
            truncate.WaitForExit();
        }
        string message =
            Assert.Throws<ModelException>(() => ImportWriter.Write(checkpoint, _folder.Combine("imported"), null, Stop)).Message;
        Assert.Contains("diffusion_pytorch_model.safetensors ends at byte", message, StringComparison.Ordinal);
        Assert.Equal(["source"], Left());
    }

    [Fact]
    public void A_disk_without_space_is_told_before_anything_is_written()
    {
        // As many layers as the disk has no space for.
        const int Width = 1024, Inner = 1 << 20;
        string source = Copy(), part = Path.Combine(source, "text_encoder");
        int layers = 1 + (int)(DiskSpace.Left(_folder.FullPath) / (2L * Width * Inner * sizeof(float)));
        JsonObject config = JsonFile.Read(Path.Combine(part, "config.json"));
        config["hidden_size"] = Width;
        config["intermediate_size"] = Inner;
        config["num_hidden_layers"] = layers;
        File.WriteAllText(Path.Combine(part, "config.json"), config.ToJsonString());
        WriteSparse(
            Path.Combine(part, "model.safetensors"),
            tensor =>
            {
                int[] shape = [.. tensor.Shape.Select(side => side switch { 32 => Width, 64 => Inner, _ => side })];
                return tensor.Name.Contains(".layers.0.", StringComparison.Ordinal)
                    ? Enumerable.Range(0, layers).Select(layer => (
                        tensor.Name.Replace(".layers.0.", $".layers.{layer}.", StringComparison.Ordinal), shape))
                    : tensor.Name.Contains(".layers.", StringComparison.Ordinal) ? [] : [(tensor.Name, shape)];
            });

        string message = Assert.Throws<ModelException>(() => Import(source, _folder.Combine("imported"))).Message;

        Assert.Matches(@"imported needs \d+ MB, but its disk has \d+ MB left$", message);
        Assert.Equal(["source"], Left());
    }

    [Theory]
    [InlineData("unet", "one network, UNet2DConditionModel, of a model")]
    [InlineData("scheduler", "neither model_index.json nor config.json")]
    public void A_folder_of_a_part_is_refused_with_what_to_import_instead(string part, string text) => Assert.Contains(
        text,
        Assert.Throws<ModelException>(() => Import(Path.Combine(checkpoints.Folder(Model), part), _folder.Combine("imported"))).Message,
        StringComparison.Ordinal);

    public void Dispose() => _folder.Dispose();

    private static void Import(string source, string folder, IProgress<ImportProgress>? progress = null)
    {
        using var checkpoint = CheckpointSource.Open(source, new ImportSettings(null, new GraphOptions()));
        ImportWriter.Write(checkpoint, folder, progress, Stop);
    }

    /// <summary>Writes a file again with other shapes of its tensors; a null shape leaves the tensor out.</summary>
    private static void Rewrite(string file, Func<string, int[], int[]?> shapeOf)
    {
        var writer = new SafetensorsWriter();
        using (var set = WeightSet.OpenFile(file))
        {
            foreach (StoredTensor tensor in set.Tensors.Values)
            {
                if (shapeOf(tensor.Name, [.. tensor.Shape]) is { } shape)
                {
                    writer.Floats(tensor.Name, set.Read(tensor), shape);
                }
            }
        }
        File.WriteAllBytes(file, writer.Bytes());
    }

    /// <summary>Writes a file of zeros, which take no space on the disk, with other tensors in the place of each.</summary>
    private static void WriteSparse(string file, Func<StoredTensor, IEnumerable<(string Name, int[] Shape)>> instead)
    {
        var header = new JsonObject();
        long end = 0;
        using (var set = WeightSet.OpenFile(file))
        {
            foreach ((string name, int[] shape) in set.Tensors.Values.SelectMany(instead))
            {
                long start = end;
                end += shape.Aggregate((long)sizeof(float), (bytes, side) => bytes * side);
                header[name] = new JsonObject
                {
                    ["dtype"] = "F32",
                    ["shape"] = new JsonArray([.. shape.Select(side => (JsonNode)side)]),
                    ["data_offsets"] = new JsonArray(start, end),
                };
            }
        }
        byte[] text = Encoding.UTF8.GetBytes(header.ToJsonString());
        using FileStream written = File.Create(file);
        written.Write(BitConverter.GetBytes((long)text.Length));
        written.Write(text);
        written.SetLength(sizeof(long) + text.Length + end);
    }

    private string Copy()
    {
        string source = _folder.Combine("source");
        Checkpoints.Copy(checkpoints.Folder(Model), source);
        return source;
    }

    private string[] Left() =>
        [.. Directory.GetFileSystemEntries(_folder.FullPath).Select(entry => Path.GetFileName(entry)).Order(StringComparer.Ordinal)];

    private sealed class Reports(Action<ImportProgress> take) : IProgress<ImportProgress>
    {
        public void Report(ImportProgress value) => take(value);
    }
}
