using System.Text.Json.Nodes;
using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;
using Brownian.Formats.Tests;
using Brownian.Import.Folders;
using Brownian.Import.Graphs;
using Brownian.Import.SingleFiles;
using Brownian.Import.Tests.MadeUp;
using Brownian.Import.Weights;
using Brownian.Inference.Tests.Adapters;
using CsCheck;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Import.Tests;

/// <summary>Stable Diffusion 3 and Flux in one file, with the names of their authors.</summary>
public sealed class TransformerFileTests(Checkpoints checkpoints) : IDisposable
{
    private const string Sd3 = "tiny-sd3", Flux = "tiny-flux-dev";

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Models => [Sd3, Flux];

    [Theory]
    [MemberData(nameof(Models))]
    public void A_file_with_everything_in_it_gives_the_folders_values(string model)
    {
        string folder = Unprojected(model);
        string file = Whole(folder, AuthorsFile.Prefix).AddAutoencoder(Path.Combine(folder, "vae"), "first_stage_model.").Write(New(".safetensors"));

        AssertSame(Import(folder, Settings), Import(file, Settings with { ConfigFolder = folder }));
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void A_transformer_with_folders_beside_it_gives_the_folders_values(string model)
    {
        string folder = checkpoints.Folder(model), file = AuthorsFile.Transformer(folder, "").Write(New(".safetensors"));

        string imported = Import(
            file, Settings with { ConfigFolder = folder, TextEncoders = Encoders(folder), Autoencoder = Path.Combine(folder, "vae") });

        AssertSame(Import(folder, Settings), imported);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void A_transformer_with_files_beside_it_gives_the_folders_values(string model)
    {
        string folder = Unprojected(model), file = AuthorsFile.Transformer(folder, "").Write(New(".safetensors"));
        string[] encoders = [.. Encoders(folder).Select(encoder => new AuthorsFile().AddText(encoder, "").Write(New(".safetensors")))];
        string vae = new AuthorsFile().AddAutoencoder(Path.Combine(folder, "vae"), "").Write(New(".safetensors"));

        string imported = Import(file, Settings with { ConfigFolder = folder, TextEncoders = encoders, Autoencoder = vae });

        AssertSame(Import(folder, Settings), imported);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void A_transformer_in_GGUF_gives_the_values_of_the_same_numbers_elsewhere(string model)
    {
        string folder = checkpoints.Folder(model);
        var tensors = AuthorsFile.Transformer(folder, "");
        ImportSettings settings = Settings with { ConfigFolder = folder, TextEncoders = Encoders(folder), Autoencoder = Path.Combine(folder, "vae") };

        AssertSame(Import(folder, Settings), Import(Gguf(tensors, isHalf: false), settings));
        AssertSame(Import(tensors.Write(New(".safetensors"), isHalf: true), settings), Import(Gguf(tensors, isHalf: true), settings));
    }

    /// <summary>The variants of Stable Diffusion 3.5 and of Flux without distilled guidance, whose sizes the files tell.</summary>
    [Theory]
    [InlineData(
        Sd3,
        """
        {
          "num_attention_heads": 2, "attention_head_dim": 64, "caption_projection_dim": 128, "num_layers": 3, "pos_embed_max_size": 12,
          "qk_norm": "rms_norm", "dual_attention_layers": [0, 1]
        }
        """,
        """{ "shift": 3.0 }""")]
    [InlineData(
        Sd3, """{ "num_attention_heads": 3, "attention_head_dim": 64, "caption_projection_dim": 192, "num_layers": 1 }""", """{ "shift": 3.0 }""")]
    [InlineData(
        Flux,
        """
        {
          "num_attention_heads": 2, "attention_head_dim": 128, "axes_dims_rope": [16, 56, 56], "guidance_embeds": false, "num_layers": 2,
          "num_single_layers": 3
        }
        """,
        """{ "shift": 1.0, "use_dynamic_shifting": false }""")]
    [InlineData(
        Flux, """{ "num_attention_heads": 1, "attention_head_dim": 128, "axes_dims_rope": [16, 56, 56] }""",
        """{ "shift": 3.0, "use_dynamic_shifting": true, "base_shift": 0.5, "max_shift": 1.15 }""")]
    public void A_file_tells_its_configuration(string model, string transformer, string scheduler)
    {
        string folder = New("");
        const string Vae = """{ "block_out_channels": [32, 32, 32, 64], "norm_num_groups": 32 }""";
        MadeUpCheckpoint.WriteFolder(
            folder, checkpoints.Folder(model),
            new Dictionary<string, JsonObject> { ["transformer"] = Json(transformer), ["vae"] = Json(Vae) });
        string file = AuthorsFile.Transformer(folder, AuthorsFile.Prefix).AddAutoencoder(Path.Combine(folder, "vae"), "vae.")
            .Write(New(".safetensors"));

        string imported = Import(file, Settings with { TextEncoders = Encoders(folder) });

        AssertSame(Import(folder, Settings), imported);
        JsonObject written = JsonFile.Read(Path.Combine(imported, "scheduler", "scheduler_config.json"));
        Assert.All(Json(scheduler), entry => Assert.True(JsonNode.DeepEquals(entry.Value, written[entry.Key]), entry.Key));
        JsonObject expected = JsonFile.Read(Path.Combine(folder, "transformer", "config.json"));
        JsonObject told = JsonFile.Read(Path.Combine(imported, "transformer", "config.json"));
        Assert.All(expected.Where(entry => told.ContainsKey(entry.Key) && entry.Key != "sample_size"), entry => Assert.True(
            JsonNode.DeepEquals(entry.Value, told[entry.Key]), $"{entry.Key}: {entry.Value}, told: {told[entry.Key]}"));
        Assert.All(JsonFile.Read(Path.Combine(folder, "model_index.json")).Where(entry => !entry.Key.StartsWith('_')), entry => Assert.True(
            Directory.Exists(Path.Combine(imported, entry.Key == "vae" ? "vae_decoder" : entry.Key)), entry.Key));
    }

    [Fact]
    public void Stable_Diffusion_3_needs_no_T5()
    {
        string folder = checkpoints.Folder(Sd3), file = AuthorsFile.Transformer(folder, "").Write(New(".safetensors"));
        string imported = Import(
            file,
            Settings with { ConfigFolder = folder, TextEncoders = Encoders(folder)[..2], Autoencoder = Path.Combine(folder, "vae") });
        Assert.False(Directory.Exists(Path.Combine(imported, "text_encoder_3")));
        Assert.Equal("Stable Diffusion 3", (string?)JsonFile.Read(Path.Combine(imported, "brownian.json"))["family"]);
    }

    [Fact]
    public void T5_in_the_names_of_llama_cpp_gives_the_same_values()
    {
        string folder = checkpoints.Folder(Flux), file = AuthorsFile.Transformer(folder, "").Write(New(".safetensors"));
        var t5 = new AuthorsFile().AddText(Path.Combine(folder, "text_encoder_2"), "");
        var renamed = new AuthorsFile();
        foreach ((string name, (int[] Shape, float[] Values) tensor) in t5.Tensors)
        {
            // As TensorNameMap of llama.cpp's gguf-py names the parts of an encoder.
            renamed.Tensors[name.Replace("shared.", "token_embd.", StringComparison.Ordinal)
                .Replace("encoder.final_layer_norm", "enc.output_norm", StringComparison.Ordinal)
                .Replace("encoder.block.", "enc.blk.", StringComparison.Ordinal)
                .Replace("layer.0.SelfAttention.relative_attention_bias", "attn_rel_b", StringComparison.Ordinal)
                .Replace("layer.0.SelfAttention.", "attn_", StringComparison.Ordinal)
                .Replace("layer.0.layer_norm", "attn_norm", StringComparison.Ordinal)
                .Replace("layer.1.layer_norm", "ffn_norm", StringComparison.Ordinal)
                .Replace("layer.1.DenseReluDense.wi_0", "ffn_gate", StringComparison.Ordinal)
                .Replace("layer.1.DenseReluDense.wi_1", "ffn_up", StringComparison.Ordinal)
                .Replace("layer.1.DenseReluDense.wo", "ffn_down", StringComparison.Ordinal)] = tensor;
        }
        string imported = Import(file, Settings with
        {
            ConfigFolder = folder,
            TextEncoders = [Path.Combine(folder, "text_encoder"), Gguf(renamed, isHalf: false)],
            Tokenizer = Path.Combine(folder, "tokenizer_2"),
            Autoencoder = Path.Combine(folder, "vae"),
        });
        AssertSame(Import(folder, Settings), imported);
    }

    [Fact]
    public void A_text_encoder_beside_a_UNet_replaces_that_of_the_file()
    {
        string other = Path.Combine(checkpoints.Folder("tiny-inpaint"), "text_encoder");
        string file = Path.Combine(checkpoints.Folder("single-file"), "tiny-sd15.safetensors");
        ImportSettings settings = Settings with { ConfigFolder = checkpoints.Folder("tiny-sd15") };

        byte[] Encoder(string folder) => File.ReadAllBytes(Path.Combine(folder, "text_encoder", "model.onnx_data"));

        byte[] expected = Encoder(Import(checkpoints.Folder("tiny-inpaint"), Settings));
        Assert.NotEqual(expected, Encoder(Import(file, settings)));
        Assert.Equal(expected, Encoder(Import(file, settings with { TextEncoders = [other] })));
    }

    [Fact]
    public void What_is_missing_is_named_with_what_to_do()
    {
        string sd3 = Refused(AuthorsFile.Transformer(checkpoints.Folder(Sd3), "").Write(New(".safetensors")), Settings);
        Assert.Contains("no CLIP-L text encoder; give its file or folder with --text-encoder", sd3, StringComparison.Ordinal);
        Assert.Contains("no OpenCLIP text encoder", sd3, StringComparison.Ordinal);
        Assert.DoesNotContain("T5", sd3, StringComparison.Ordinal);
        Assert.Contains("no autoencoder; give its file or folder with --vae", sd3, StringComparison.Ordinal);

        string flux = checkpoints.Folder(Flux), t5 = new AuthorsFile().AddText(Path.Combine(flux, "text_encoder_2"), "").Write(New(".safetensors"));
        string file = AuthorsFile.Transformer(flux, "").Write(New(".safetensors"));
        Assert.Contains("no T5 text encoder", Refused(file, Settings), StringComparison.Ordinal);
        Assert.Contains("with --tokenizer", Refused(file, Settings with { TextEncoders = [t5] }), StringComparison.Ordinal);
        Assert.Contains(
            "is no tokenizer of T5", Refused(file, Settings with { TextEncoders = [t5], Tokenizer = Path.Combine(flux, "tokenizer") }),
            StringComparison.Ordinal);
        Assert.Contains("the model has no T5 text encoder", Refused(file, Settings with { Tokenizer = flux }), StringComparison.Ordinal);
        Assert.Contains("--prediction have no meaning", Refused(file, Settings with { PredictionType = "epsilon" }), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Sd3, "joint_blocks.1.x_block.attn.qkv.weight", "joint_blocks.0.context_block.mlp.fc1.bias", "y_embedder.mlp.0.weight")]
    [InlineData(Flux, "single_blocks.0.linear1.bias", "double_blocks.0.txt_mod.lin.weight", "img_in.weight")]
    public void Missing_tensors_and_other_shapes_are_reported_together_by_the_files_names(string model, string missing, string wrong, string tells)
    {
        string folder = checkpoints.Folder(model);
        var tensors = AuthorsFile.Transformer(folder, AuthorsFile.Prefix);
        tensors.Tensors.Remove(AuthorsFile.Prefix + missing);
        tensors.Tensors[AuthorsFile.Prefix + wrong] = ([3], [1, 2, 3]);
        string message = Refused(tensors.Write(New(".safetensors")), Settings with { ConfigFolder = folder });
        Assert.Contains($"{AuthorsFile.Prefix}{missing} (", message, StringComparison.Ordinal);
        Assert.Contains($"{AuthorsFile.Prefix}{wrong} (", message, StringComparison.Ordinal);
        Assert.Contains("no autoencoder", message, StringComparison.Ordinal);

        tensors.Tensors.Remove(AuthorsFile.Prefix + tells);
        message = Refused(tensors.Write(New(".safetensors")), Settings);
        Assert.Contains($"lacks tensors that tell the transformer's size: {AuthorsFile.Prefix}{tells};", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Encoders_that_do_not_fit_are_refused()
    {
        string flux = checkpoints.Folder(Flux), sd3 = checkpoints.Folder(Sd3), narrow = New("");
        MadeUpCheckpoint.WriteFolder(
            narrow, flux, new Dictionary<string, JsonObject> { ["text_encoder_2"] = Json("""{ "d_model": 32 }""") });
        string file = AuthorsFile.Transformer(flux, "").Write(New(".safetensors"));
        string clip = Path.Combine(flux, "text_encoder"), other = Path.Combine(sd3, "text_encoder");
        string message = Refused(file, Settings with
        {
            ConfigFolder = flux,
            TextEncoders = [clip, other, Path.Combine(narrow, "text_encoder_2"), Path.Combine(sd3, "text_encoder_2"), Path.Combine(flux, "vae")],
        });
        Assert.Contains($"{clip} and {other} are both CLIP-L text encoders", message, StringComparison.Ordinal);
        Assert.Contains("its T5 text encoder is 32 wide, but its transformer takes 64", message, StringComparison.Ordinal);
        Assert.Contains(
            "is a text encoder of the kind OpenCLIP, which the model does not have; it has: CLIP-L, T5", message, StringComparison.Ordinal);
        Assert.Contains($"{Path.Combine(flux, "vae")} has no text encoder", message, StringComparison.Ordinal);

        string wide = Refused(file, Settings with { ConfigFolder = flux, TextEncoders = [other] });
        Assert.Contains("its CLIP-L text encoder is 24 wide, but its transformer takes 32", wide, StringComparison.Ordinal);
        string unet = Path.Combine(checkpoints.Folder("single-file"), "tiny-sd15.safetensors");
        Assert.Contains(
            "its text encoders are 24 wide, but its UNet takes text of 32",
            Refused(unet, Settings with { ConfigFolder = checkpoints.Folder("tiny-sd15"), TextEncoders = [other] }), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("double_blocks.0.img_attn.qkv.lora_A.weight", "a LoRA")]
    [InlineData("double_blocks.0.processor.qkv_lora1.up.weight", "a LoRA")]
    [InlineData("distilled_guidance_layer.in_proj.bias", "Chroma")]
    [InlineData("double_stream_modulation_img.lin.weight", "Flux 2")]
    [InlineData("controlnet_blocks.0.weight", "a ControlNet")]
    public void What_has_a_transformers_names_and_is_none_is_named(string tensor, string what)
    {
        string file = New(".safetensors");
        File.WriteAllBytes(
            file, new SafetensorsWriter().Floats("double_blocks.0.img_attn.norm.key_norm.scale", [1], 1).Floats(tensor, [1], 1).Bytes());
        Assert.Contains(what, Refused(file, Settings), StringComparison.Ordinal);
    }

    [Fact]
    public void A_language_model_in_GGUF_is_named()
    {
        string file = New(".gguf");
        File.WriteAllBytes(file, new GgufFileWriter().Text("general.architecture", "llama").Tensor("blk.0.attn_q.weight", 0, new byte[4], 1).Bytes());
        Assert.Contains("is a language model", Refused(file, Settings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("text_model.encoder.layers.0.mlp.fc1.weight", "Clip")]
    [InlineData("encoder.layers.0.mlp.fc1.weight", "Clip")]
    [InlineData("text_encoders.clip_l.transformer.text_model.encoder.layers.0.mlp.fc1.weight", "Clip")]
    [InlineData("text_model.encoder.layers.0.mlp.fc1.weight text_model.encoder.layers.31.mlp.fc1.weight text_model.encoder.layers.22.a", "OpenClip")]
    [InlineData("text_encoders.clip_g.transformer.text_model.encoder.layers.0.mlp.fc1.weight", "OpenClip")]
    [InlineData("transformer.resblocks.0.ln_1.weight", "OpenClip")]
    [InlineData("encoder.block.0.layer.0.SelfAttention.q.weight", "T5")]
    [InlineData("text_encoders.t5xxl.transformer.encoder.block.0.layer.0.SelfAttention.q.weight", "T5")]
    [InlineData("enc.blk.0.attn_q.weight", "T5")]
    [InlineData("decoder.block.0.layer.0.SelfAttention.q.weight model.layers.0.self_attn.q_proj.weight", "")]
    public void A_text_encoder_is_told_by_its_keys(string names, string kind)
    {
        string file = New(".safetensors");
        File.WriteAllBytes(file, names.Split(' ').Aggregate(new SafetensorsWriter(), (writer, name) => writer.Floats(name, [1], 1)).Bytes());
        using var set = WeightSet.OpenFile(file);
        Assert.Equal(kind, string.Join(' ', TextEncoderWeights.FindAll(set).Select(found => found.Kind)));
    }

    [Fact]
    public void Swapped_halves_are_exact_in_pieces_of_any_size()
    {
        string file = New(".safetensors");
        // 1 as float8, times a factor of each row.
        File.WriteAllBytes(file, new SafetensorsWriter().Floats("w", [.. Enumerable.Range(0, 24).Select(i => (float)i)], 12, 2)
            .Tensor("f.weight", "F8_E4M3", [.. Enumerable.Repeat((byte)0x38, 24)], 12, 2)
            .Floats("f.scale_weight", [.. Enumerable.Range(0, 12).Select(i => (float)i)], 12).Bytes());
        using var set = WeightSet.OpenFile(file);
        Parameter swapped = new TensorPart("w") { IsSwapped = true }.Find(set, "")!;
        Parameter scaled = new TensorPart("f.weight") { IsSwapped = true }.Find(set, "")!;
        Gen.Int[0, 23].SelectMany(first => Gen.Int[1, 24 - first].Select(count => (first, count))).Sample(piece =>
        {
            int[] order = [.. Enumerable.Range(piece.first, piece.count).Select(i => (i + 12) % 24)];
            float[] values = new float[piece.count];
            swapped.Read(piece.first, values);
            Assert.Equal(order.Select(i => (float)i), values);
            scaled.Read(piece.first, values);
            Assert.Equal(order.Select(i => (float)(i / 2)), values);
        });
    }

    [Fact]
    public void A_variant_that_takes_an_image_beside_the_latents_is_refused()
    {
        var tensors = AuthorsFile.Transformer(checkpoints.Folder(Flux), "");
        tensors.Tensors["img_in.weight"] = ([64, 96], new float[64 * 96]);
        Assert.Contains(
            "takes 96 channels and returns 64, as Flux Fill", Refused(tensors.Write(New(".safetensors")), Settings), StringComparison.Ordinal);
    }

    /// <summary>A message and never another exception, whatever tensors a file lacks or has in other shapes.</summary>
    [Theory]
    [MemberData(nameof(Models))]
    [InlineData("tiny-sd15")]
    public void A_file_with_other_shapes_is_refused_with_a_message(string model)
    {
        string folder = checkpoints.Folder(model), file = New(".safetensors");
        bool isUnet = model == "tiny-sd15";
        AuthorsFile whole = isUnet ? AuthorsFile.Read(Path.Combine(checkpoints.Folder("single-file"), model + ".safetensors"))
            : Whole(folder, "").AddAutoencoder(Path.Combine(folder, "vae"), "vae.");
        string? tokenizer = isUnet ? null : Encoders(folder)[^1].Replace("text_encoder", "tokenizer", StringComparison.Ordinal);
        string[] names = [.. whole.Tensors.Keys];
        Gen.Select(Gen.Int[0, names.Length - 1].Array[1, 3], Gen.Int[0, 3].Array[0, 4], Gen.Bool, Gen.Bool).Sample(
            (indices, shape, isDropped, hasConfig) =>
            {
                var changed = new AuthorsFile();
                foreach ((string name, (int[] Shape, float[] Values) tensor) in whole.Tensors)
                {
                    if (!indices.Any(index => names[index] == name))
                    {
                        changed.Tensors[name] = tensor;
                    }
                    else if (!isDropped)
                    {
                        changed.Tensors[name] = (shape, new float[shape.Aggregate(1, (product, side) => product * side)]);
                    }
                }
                ImportSettings settings = Settings with { Tokenizer = tokenizer };
                Assert.IsType<ModelException>(Record.Exception(() => CheckpointSource.Open(
                    changed.Write(file), hasConfig ? settings with { ConfigFolder = folder } : settings).Dispose()));
            },
            iter: 60, threads: 1);
    }

    public void Dispose() => _folder.Dispose();

    private static ImportSettings Settings { get; } = new(null, new GraphOptions());

    private static JsonObject Json(string text) => JsonNode.Parse(text)!.AsObject();

    private static string[] Encoders(string folder) => [.. Directory.GetDirectories(folder, "text_encoder*").Order(StringComparer.Ordinal)];

    private static AuthorsFile Whole(string folder, string prefix)
    {
        var file = AuthorsFile.Transformer(folder, prefix);
        foreach ((string encoder, string name) in Encoders(folder).Zip(Encoders(folder).Length == 3 ? ["clip_l", "clip_g", "t5xxl"]
            : (string[])["clip_l", "t5xxl"]))
        {
            file.AddText(encoder, $"text_encoders.{name}.transformer.");
        }
        return file;
    }

    private string New(string extension) => _folder.Combine(Guid.NewGuid().ToString("N") + extension);

    /// <summary>Returns a folder whose first encoder's projection is not used, as in single files of Stable Diffusion 3.</summary>
    private string Unprojected(string model)
    {
        string folder = New("");
        Checkpoints.Copy(checkpoints.Folder(model), folder);
        string file = Path.Combine(folder, "text_encoder", "config.json");
        JsonObject config = JsonFile.Read(file);
        config["architectures"] = new JsonArray("CLIPTextModel");
        File.WriteAllText(file, config.ToJsonString());
        return folder;
    }

    /// <summary>Writes a GGUF file as ComfyUI-GGUF's converter does: float16, and float32 for vectors. ggml leaves dimensions of 1 out.</summary>
    private string Gguf(AuthorsFile tensors, bool isHalf)
    {
        var writer = new GgufFileWriter().Text("general.architecture", "flux");
        foreach ((string name, (int[] shape, float[] values)) in tensors.Tensors)
        {
            bool isSmall = isHalf && shape.Length > 1;
            ulong[] sides = [.. (shape[0] == 1 && shape.Length > 2 ? shape[1..] : shape).Select(side => (ulong)side)];
            writer.Tensor(
                name, isSmall ? 1u : 0u, isSmall ? AuthorsFile.HalfBytes(values) : [.. values.SelectMany(BitConverter.GetBytes)], sides);
        }
        string file = New(".gguf");
        File.WriteAllBytes(file, writer.Bytes());
        return file;
    }

    private string Import(string path, ImportSettings settings)
    {
        string folder = New("");
        using var source = CheckpointSource.Open(path, settings);
        ImportWriter.Write(source, folder, null, TestContext.Current.CancellationToken);
        return folder;
    }

    private string Refused(string path, ImportSettings settings) => Assert.Throws<ModelException>(() => Import(path, settings)).Message;

    /// <summary>Requires equal graphs with equal outputs, bit for bit, and equal tokenizers.</summary>
    private static void AssertSame(string expected, string actual)
    {
        foreach (string pattern in (string[])["model.onnx", "vocab.json", "tokenizer.json", "spiece.model"])
        {
            Assert.Equal(Files(expected, pattern), Files(actual, pattern));
        }
        foreach (string graph in Files(expected, "model.onnx"))
        {
            using InferenceSession first = GraphRun.Open(Path.Combine(expected, graph)), second = GraphRun.Open(Path.Combine(actual, graph));
            Dictionary<string, OrtValue> inputs = GraphInputs.Create(first, 7);
            Dictionary<string, (long[] Shape, float[] Values)> results = GraphRun.Run(second, inputs);
            Assert.All(GraphRun.Run(first, inputs), output => Assert.Equal(output.Value.Values, results[output.Key].Values));
        }

        static string[] Files(string folder, string pattern) =>
        [
            .. Directory.GetFiles(folder, pattern, SearchOption.AllDirectories).Select(file => Path.GetRelativePath(folder, file))
                .Order(StringComparer.Ordinal)
        ];
    }
}
