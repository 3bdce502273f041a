using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;
using Brownian.Formats.Weights;
using Brownian.Import.Folders;
using Brownian.Import.Graphs;
using Brownian.Import.SingleFiles;
using Brownian.Import.Tests.MadeUp;
using Brownian.Inference.Tests.Adapters;
using Brownian.Models.Catalog;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Models.Metadata;
using Brownian.Requests;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Import.Tests;

/// <summary>Models in one file, with Stability's names.</summary>
public sealed class SingleFileTests(Checkpoints checkpoints) : IDisposable
{
    private static readonly GraphOptions Graphs = new();

    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<string> Models => ["tiny-sd15", "tiny-sd21", "tiny-sdxl"];

    [Theory]
    [MemberData(nameof(Models))]
    public void Every_weight_is_that_of_the_folder(string model)
    {
        string single = Import(File(model), new ImportSettings(null, Graphs) { ConfigFolder = checkpoints.Folder(model) });
        string folder = Import(checkpoints.Folder(model), new ImportSettings("fp16", Graphs));
        // The weights of a file of float16 are those of the folder, rounded; a folder may have float16 for some parts.
        using var set = WeightSet.OpenFile(File(model));
        float tolerance = set.Tensors.Values.Any(tensor => tensor.Format == ElementFormat.F16) ? 4e-2f : 0;
        string[] graphs = [.. Directory.GetFiles(folder, "model.onnx", SearchOption.AllDirectories)];
        Assert.Equal(
            graphs.Select(graph => Path.GetRelativePath(folder, graph)).Order(StringComparer.Ordinal),
            Directory.GetFiles(single, "model.onnx", SearchOption.AllDirectories).Select(graph => Path.GetRelativePath(single, graph))
                .Order(StringComparer.Ordinal));
        foreach (string graph in graphs)
        {
            using InferenceSession expected = GraphRun.Open(graph), actual = GraphRun.Open(Path.Combine(single, Path.GetRelativePath(folder, graph)));
            Dictionary<string, OrtValue> inputs = GraphInputs.Create(expected, 7);
            Dictionary<string, (long[] Shape, float[] Values)> results = GraphRun.Run(actual, inputs);
            Assert.All(GraphRun.Run(expected, inputs), output =>
            {
                float largest = output.Value.Values.Max(Math.Abs);
                Assert.InRange(GraphRun.Difference(output.Value.Values, results[output.Key].Values), 0, tolerance * largest);
            });
        }
        // Scheduler and tokenizers are the folder's.
        Assert.Equal(
            Directory.GetFiles(folder, "*.json", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(folder, file))
                .Order(StringComparer.Ordinal),
            Directory.GetFiles(single, "*.json", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(single, file))
                .Order(StringComparer.Ordinal));
    }

    /// <summary>What shapes do not tell are the numbers of heads and groups, which these models have others of.</summary>
    [Theory]
    [MemberData(nameof(Models))]
    public void A_configuration_that_is_told_from_the_file_is_that_of_the_folder(string model)
    {
        using var set = WeightSet.OpenFile(File(model));
        var derived = new DerivedConfigs(set);
        string folder = checkpoints.Folder(model);
        Compare(
            derived.OfUnet(8), "unet", "act_fn", "block_out_channels", "cross_attention_dim", "down_block_types", "in_channels", "layers_per_block",
            "norm_eps", "out_channels", "projection_class_embeddings_input_dim", "sample_size", "up_block_types");
        Compare(
            derived.OfAutoencoder("first_stage_model.", 0.13025), "vae", "block_out_channels", "down_block_types", "in_channels", "latent_channels",
            "layers_per_block", "out_channels", "up_block_types");
        string[] ofText = ["hidden_size", "intermediate_size", "layer_norm_eps", "max_position_embeddings", "num_hidden_layers", "vocab_size"];
        switch (model)
        {
            case "tiny-sd15":
                Compare(derived.OfClip("cond_stage_model.transformer.text_model."), "text_encoder", [.. ofText, "hidden_act", "projection_dim"]);
                break;
            case "tiny-sd21":
                Compare(derived.OfOpenClip("cond_stage_model.model.", isProjected: false), "text_encoder", [.. ofText, "hidden_act"]);
                break;
            default:
                Compare(derived.OfClip("conditioner.embedders.0.transformer.text_model."), "text_encoder", [.. ofText, "hidden_act"]);
                Compare(
                    derived.OfOpenClip("conditioner.embedders.1.model.", isProjected: true), "text_encoder_2",
                    [.. ofText, "hidden_act", "projection_dim"]);
                break;
        }

        void Compare(JsonObject actual, string part, params string[] keys)
        {
            JsonObject expected = JsonFile.Read(Path.Combine(folder, part, "config.json"));
            Assert.All(keys, key => Assert.True(
                JsonNode.DeepEquals(expected[key], JsonNode.Parse(actual[key]?.ToJsonString() ?? "null")),
                $"{part} {key}: {expected[key]?.ToJsonString()}, told: {actual[key]?.ToJsonString()}"));
        }
    }

    [Fact]
    public void Averaged_weights_are_used_when_they_are_asked_for()
    {
        var writer = new SafetensorsWriter();
        using (var set = WeightSet.OpenFile(File("tiny-sd15")))
        {
            foreach (StoredTensor tensor in set.Tensors.Values.Where(
                tensor => tensor.Format.IsNumeric && !tensor.Name.StartsWith("model_ema.", StringComparison.Ordinal)))
            {
                float[] values = set.Read(tensor);
                writer.Floats(tensor.Name, values, [.. tensor.Shape]);
                const string Prefix = "model.";
                if (tensor.Name.StartsWith(Prefix + "diffusion_model.", StringComparison.Ordinal))
                {
                    // As LitEma of Stability's trainers: the name within the model, without dots.
                    string name = "model_ema." + tensor.Name[Prefix.Length..].Replace(".", "", StringComparison.Ordinal);
                    writer.Floats(name, Array.ConvertAll(values, value => value / 2), [.. tensor.Shape]);
                }
            }
        }
        string file = _folder.Combine("averaged.safetensors");
        System.IO.File.WriteAllBytes(file, writer.Bytes());

        float usual = Weight(Import(file, Settings(false))), averaged = Weight(Import(file, Settings(true)));

        Assert.NotEqual(0, usual);
        Assert.Equal(usual / 2, averaged);
        string message = Assert.Throws<ModelException>(() => Import(File("tiny-sd21"), Settings(true))).Message;
        Assert.Contains("is missing", message, StringComparison.Ordinal);

        ImportSettings Settings(bool averages) =>
            new(null, Graphs) { ConfigFolder = checkpoints.Folder("tiny-sd15"), UsesAverages = averages };

        static float Weight(string folder)
        {
            using FileStream data = System.IO.File.OpenRead(Path.Combine(folder, "unet", "model.onnx_data"));
            Span<byte> first = stackalloc byte[sizeof(float)];
            data.ReadExactly(first);
            return BitConverter.ToSingle(first);
        }
    }

    [Fact]
    public void Another_autoencoder_is_taken_from_a_file_of_either_names_or_from_a_folder()
    {
        string own = checkpoints.Folder("tiny-sd15"), diffusers = Path.Combine(own, "vae");
        var writer = new SafetensorsWriter();
        using (var set = WeightSet.OpenFile(File("tiny-sd15")))
        {
            const string Prefix = "first_stage_model.";
            foreach (StoredTensor tensor in set.Tensors.Values.Where(tensor => tensor.Name.StartsWith(Prefix, StringComparison.Ordinal)))
            {
                writer.Floats(tensor.Name[Prefix.Length..], set.Read(tensor), [.. tensor.Shape]);
            }
        }
        string stability = _folder.Combine("vae.safetensors");
        System.IO.File.WriteAllBytes(stability, writer.Bytes());
        byte[] expected = Decoder(null);
        Assert.NotEqual(expected, Decoder(Path.Combine(checkpoints.Folder("tiny-inpaint"), "vae")));
        Assert.All(
            (string[])[stability, diffusers, Path.Combine(diffusers, "diffusion_pytorch_model.safetensors")],
            path => Assert.Equal(expected, Decoder(path)));

        byte[] Decoder(string? autoencoder)
        {
            string folder = Import(File("tiny-sd15"), new ImportSettings(null, Graphs) { ConfigFolder = own, Autoencoder = autoencoder });
            return System.IO.File.ReadAllBytes(Path.Combine(folder, "vae_decoder", "model.onnx_data"));
        }
    }

    [Fact]
    public void A_file_whose_vocabulary_is_not_CLIPs_needs_a_folder_with_its_tokenizer() => Assert.Contains(
        "its text encoder has 4003 tokens, CLIP's 49408; name a folder with its tokenizer (--config)",
        Assert.Throws<ModelException>(() => Import(File("tiny-sd15"), new ImportSettings(null, Graphs))).Message,
        StringComparison.Ordinal);

    [Fact]
    public void A_file_alone_becomes_a_model_with_its_scheduler_and_tokenizer()
    {
        string file = _folder.Combine("made-up.safetensors");
        MadeUpCheckpoint.WriteFile(file, MadeUpModel.Small, title: "Made up");
        string folder = Import(file, new ImportSettings(null, Graphs));

        using InferenceSession unet = GraphRun.Open(Path.Combine(folder, "unet", "model.onnx"));
        Assert.All(
            GraphRun.Run(unet, GraphInputs.Create(unet, 1)).Values,
            output => Assert.All(output.Values, value => Assert.True(float.IsFinite(value))));
        Assert.Equal("PNDMScheduler", (string?)JsonFile.Read(Path.Combine(folder, "scheduler", "scheduler_config.json"))["_class_name"]);
        Assert.Equal(49408, JsonFile.Read(Path.Combine(folder, "tokenizer", "vocab.json")).Count);
        Assert.Equal("StableDiffusionPipeline", (string?)JsonFile.Read(Path.Combine(folder, "model_index.json"))["_class_name"]);
        Assert.Equal("Stable Diffusion 1.x/2.x", (string?)JsonFile.Read(Path.Combine(folder, "brownian.json"))["family"]);
        Assert.Equal("Made up", (string?)JsonFile.Read(Path.Combine(folder, "brownian.json"))["title"]);
    }

    [Fact]
    public void Images_name_the_file_by_which_catalogues_of_models_find_it()
    {
        string file = _folder.Combine("made-up.safetensors");
        MadeUpCheckpoint.WriteFile(file, MadeUpModel.Small);
        string hash = Convert.ToHexStringLower(SHA256.HashData(System.IO.File.ReadAllBytes(file)));
        var model = ModelFolder.Open(Import(file, new ImportSettings(null, Graphs)));
        Assert.Equal(hash, model.Manifest.CheckpointSha256);

        ModelCard card = ModelFamilies.CardOf(model, ModelFamilies.Read(model));
        string text = Infotext.Write(ModelFamilies.Resolve(RequestReader.Read(new JsonObject { ["prompt"] = "a", ["steps"] = 1 }), card), 7);
        Assert.Contains($", Model hash: {hash[..10]}, Model: {model.Name}, ", text, StringComparison.Ordinal);
        ImageMetadata read = ImageMetadata.Read(text);
        Assert.Equal(model.Name, (string?)read.Request["model"]);
        Assert.Empty(read.Ignored);
    }

    [Fact]
    public void A_file_that_is_used_as_a_model_is_imported_once_whatever_its_name()
    {
        string first = _folder.Combine("first.safetensors"), second = _folder.Combine("second.safetensors");
        MadeUpCheckpoint.WriteFile(first, MadeUpModel.Small);
        System.IO.File.Copy(first, second);
        string folder = _folder.Combine("cache");
        var cache = new ImportCache(folder);
        var started = new List<string>();
        string[] opened = [.. ((string[])[first, first, second]).Select(file => cache.Open(file, started.Add, null, Stop))];
        Assert.Single(opened.Distinct());
        Assert.Equal(opened[..1], started);
        // Another content under the same name is another model.
        MadeUpCheckpoint.WriteFile(first, MadeUpModel.Small, seed: 1);
        System.IO.File.SetLastWriteTimeUtc(first, DateTime.UtcNow.AddMinutes(1));
        Assert.NotEqual(opened[0], cache.Open(first, started.Add, null, Stop));

        Directory.SetLastWriteTimeUtc(opened[0], DateTime.UtcNow.AddDays(-10));
        Assert.Equal(opened[..1], CacheEntries.Prune(folder, DateTime.UtcNow.AddDays(-5)).Select(removed => removed.Folder));
        Assert.Equal(started[1..], CacheEntries.Prune(folder, null).Select(removed => removed.Folder));
        Assert.Empty(CacheEntries.Prune(folder, null));
        Assert.Equal(opened[0], cache.Open(second, started.Add, null, Stop).Replace("second", "first", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("down_blocks.0.lora_up.weight", "a LoRA")]
    [InlineData("distilled_guidance_layer.in_proj.bias", "Chroma")]
    [InlineData("blk.0.attn_q.weight", "a language model")]
    [InlineData("encoder.block.0.layer.0.SelfAttention.q.weight", "a T5 text encoder")]
    [InlineData("decoder.up.0.block.0.conv1.weight", "an autoencoder")]
    [InlineData("control_model.input_blocks.0.0.weight", "a ControlNet")]
    [InlineData("something.weight", "no Stable Diffusion or Flux in its authors' names")]
    public void Another_file_is_named_as_what_it_is(string tensor, string what)
    {
        string file = _folder.Combine("file.safetensors");
        System.IO.File.WriteAllBytes(file, new SafetensorsWriter().Floats(tensor, [1], 1).Bytes());
        Assert.Contains(what, Assert.Throws<ModelException>(() => Import(file, new ImportSettings(null, Graphs))).Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();

    private string File(string model) => Path.Combine(checkpoints.Folder("single-file"), model + ".safetensors");

    private string Import(string path, ImportSettings settings)
    {
        string folder = _folder.Combine(Guid.NewGuid().ToString("N"));
        using var source = CheckpointSource.Open(path, settings);
        ImportWriter.Write(source, folder, null, Stop);
        return folder;
    }
}
