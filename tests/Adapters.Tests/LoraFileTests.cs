using Brownian.Formats.Files;
using Brownian.Formats.Safetensors;
using Brownian.Inference.Tests.Adapters;

namespace Brownian.Adapters.Tests;

public sealed class LoraFileTests
{
    public static TheoryData<string> Names => [.. GoldenData.Loras];

    [Theory]
    [InlineData("sd15-peft.safetensors", LoraStyle.Peft, 4, 4)]
    [InlineData("sd15-kohya-f16.safetensors", LoraStyle.Kohya, 4, 2)]
    [InlineData("sd15-te-peft-bf16.safetensors", LoraStyle.Peft, 4, 4)]
    [InlineData("sd15-old-diffusers.safetensors", LoraStyle.Diffusers, 4, 4)]
    [InlineData("sd15-peft-alpha-metadata.safetensors", LoraStyle.Peft, 4, 8)]
    [InlineData("sdxl-peft.safetensors", LoraStyle.Peft, 4, 4)]
    [InlineData("sdxl-kohya-sgm.safetensors", LoraStyle.KohyaStability, 4, 1)]
    [InlineData("sdxl-kohya-diffusers-names.safetensors", LoraStyle.Kohya, 4, null)]
    [InlineData("sdxl-kohya-embeds.safetensors", LoraStyle.KohyaStability, null, null)]
    [InlineData("sd15-locon.safetensors", LoraStyle.Kohya, null, null)]
    public void Every_form_of_LoRA_file_is_read(string name, LoraStyle style, int? rank, int? alpha)
    {
        LoraFile lora = GoldenData.Lora(name);
        Assert.Equal(style, lora.Style);
        Assert.All(lora.Modules.Where(module => module.Columns != module.Rank), module =>
        {
            Assert.Equal(rank ?? module.Rank, module.Rank);
            Assert.Equal(alpha ?? module.Alpha, module.Alpha);
        });
        Assert.NotEmpty(lora.Modules);
    }

    /// <summary>Alphas of every element type that safetensors files have for numbers; the value is 4 in all of them.</summary>
    public static TheoryData<string, byte[]> Alphas => new()
    {
        { "I8", [4] }, { "U8", [4] }, { "I16", [4, 0] }, { "U16", [4, 0] }, { "I32", [4, 0, 0, 0] }, { "U32", [4, 0, 0, 0] },
        { "I64", [4, 0, 0, 0, 0, 0, 0, 0] }, { "U64", [4, 0, 0, 0, 0, 0, 0, 0] },
        { "F8_E4M3", [0x48] }, { "F8_E5M2", [0x44] }, { "F16", [0, 0x44] }, { "BF16", [0x80, 0x40] }, { "F32", [0, 0, 0x80, 0x40] },
        { "F64", [0, 0, 0, 0, 0, 0, 0x10, 0x40] },
    };

    [Theory]
    [MemberData(nameof(Alphas))]
    public void An_alpha_of_any_numeric_type_is_read(string dtype, byte[] bytes)
    {
        LoraFile scalar = Parse(Pair("unet.mid_block.x").Tensor("unet.mid_block.x.alpha", dtype, bytes));
        LoraFile list = Parse(Pair("unet.mid_block.x").Tensor("unet.mid_block.x.alpha", dtype, bytes, 1));

        Assert.Equal(4, Assert.Single(scalar.Modules).Alpha);
        Assert.Equal(4, Assert.Single(list.Modules).Alpha);
    }

    [Theory]
    [InlineData("F8_E4M3", (byte)0x7F, null)]
    [InlineData("F8_E4M3", (byte)0xFF, null)]
    [InlineData("F8_E4M3", (byte)0x7E, 448.0)]
    [InlineData("F8_E4M3", (byte)0x01, 0.001953125)]
    [InlineData("F8_E4M3", (byte)0xB8, -1.0)]
    [InlineData("F8_E5M2", (byte)0x7C, null)]
    [InlineData("F8_E5M2", (byte)0x7E, null)]
    [InlineData("F8_E5M2", (byte)0x7B, 57344.0)]
    [InlineData("F8_E5M2", (byte)0x01, 0.0000152587890625)]
    [InlineData("BOOL", (byte)1, null)]
    public void An_8_bit_alpha_has_the_value_of_its_format_or_is_refused(string dtype, byte bits, double? value)
    {
        SafetensorsWriter file = Pair("unet.mid_block.x").Tensor("unet.mid_block.x.alpha", dtype, [bits]);
        if (value is { } expected)
        {
            Assert.Equal(expected, Assert.Single(Parse(file).Modules).Alpha);
            return;
        }
        Assert.Contains("unet.mid_block.x.alpha", Refused(file), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_key_of_a_LoRA_file_is_a_module_of_the_model(string name)
    {
        LoraFile lora = GoldenData.Lora(name);
        Dictionary<string, GraphWeights> weights = GoldenData.Weights(GoldenData.ModelOf(name));
        new AdapterSet([new LoraUse(lora, 1)], []).Check(weights.Signatures());
        string[] found = [.. lora.Modules.Select(module => $"{module.Part}/{weights[module.Part].Find(module.Name, module.IsFlat)!.Initializer}")];
        Assert.Equal(found.Length, found.Distinct().Count());
    }

    [Fact]
    public void Stabilitys_module_names_are_mapped_in_the_way_of_the_reference()
    {
        GraphWeights unet = GoldenData.Weights("tiny-sdxl")["unet"];
        (string Stability, string Own)[] pairs =
        [
            ("input_blocks_0_0", "conv_in"), ("out_2", "conv_out"), ("time_embed_0", "time_embedding.linear_1"),
            ("time_embed_2", "time_embedding.linear_2"),
            ("label_emb_0_0", "add_embedding.linear_1"), ("label_emb_0_2", "add_embedding.linear_2"),
            ("input_blocks_1_0_in_layers_2", "down_blocks.0.resnets.0.conv1"), ("input_blocks_2_0_op", "down_blocks.0.downsamplers.0.conv"),
            ("input_blocks_3_0_skip_connection", "down_blocks.1.resnets.0.conv_shortcut"),
            ("input_blocks_3_1_transformer_blocks_0_attn1_to_q", "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"),
            ("middle_block_0_emb_layers_1", "mid_block.resnets.0.time_emb_proj"), ("middle_block_1_proj_in", "mid_block.attentions.0.proj_in"),
            ("middle_block_2_out_layers_3", "mid_block.resnets.1.conv2"), ("output_blocks_1_2_conv", "up_blocks.0.upsamplers.0.conv"),
            ("output_blocks_3_0_in_layers_2", "up_blocks.1.resnets.1.conv1"),
        ];
        Assert.All(pairs, pair => Assert.Equal(pair.Own, unet.Find(pair.Stability, isFlat: true)?.Module));
    }

    [Theory]
    [InlineData("lora_unet_mid.oft_blocks", "OFT")]
    [InlineData("lora_unet_mid.a1.weight", "GLoRA")]
    [InlineData("unet.mid.boft_R", "BOFT")]
    [InlineData("lora_unet_mid.on_input", "(IA)^3")]
    [InlineData("lora_unet_mid.w_norm", "differences of normalization layers")]
    [InlineData("lora_unet_mid.bias_indices", "LoCon with sparse differences")]
    [InlineData("lora_unet_mid.set_weight", "replaced weights")]
    [InlineData("unet.mid.lora_A.bias", "LoRA with a bias of its first matrix")]
    [InlineData("bundle_emb.x.string_to_param.*", "LoRA with embeddings of its own")]
    public void An_adapter_kind_that_cannot_be_merged_is_refused_by_name(string key, string kind) =>
        Assert.Contains($"is of the kind {kind}", Refused(new SafetensorsWriter().Floats(key, [1], 1, 1)), StringComparison.Ordinal);

    [Fact]
    public void Metadata_with_unsupported_settings_is_refused()
    {
        Assert.Contains(
            "is of the kind LOHA", Refused(Pair("unet.mid_block.x").Metadata("lora_adapter_metadata", """{"unet.peft_type": "LOHA"}""")),
            StringComparison.Ordinal);
        Assert.Contains(
            "is of the kind BOFT", Refused(new SafetensorsWriter().Floats("lora_unet_mid.oft_blocks", [1], 1, 1, 1, 1)), StringComparison.Ordinal);
        Assert.Contains("not valid JSON", Refused(Pair("unet.mid_block.x").Metadata("lora_adapter_metadata", "{")), StringComparison.Ordinal);
        Assert.Contains(
            "the alpha \"x\"", Refused(Pair("unet.mid_block.x").Metadata("lora_adapter_metadata", """{"unet.lora_alpha": "x"}""")),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Alpha_patterns_and_the_stabilised_scale_of_PEFT_change_the_alpha()
    {
        LoraFile lora = Parse(Pair("unet.mid_block.a.to_q").Metadata(
            "lora_adapter_metadata", """{"unet.lora_alpha": 8, "unet.alpha_pattern": {"other": 1, "to_q": 3}, "unet.use_rslora": true}"""));
        Assert.Equal(3 * Math.Sqrt(2), lora.Modules.Single().Alpha);
    }

    [Fact]
    public void An_incomplete_or_mismatched_pair_of_LoRA_matrices_is_refused()
    {
        Assert.Contains("needed", Refused(new SafetensorsWriter().Floats("unet.mid_block.x.lora_A.weight", [1], 1, 1)), StringComparison.Ordinal);
        Assert.Contains("up [1, 3] and down [2, 1]", Refused(new SafetensorsWriter()
            .Floats("unet.mid_block.x.lora_A.weight", [1, 2], 2, 1)
                .Floats("unet.mid_block.x.lora_B.weight", [1, 2, 3], 1, 3)), StringComparison.Ordinal);
        Assert.Contains("only finite", Refused(new SafetensorsWriter()
            .Floats("unet.mid_block.x.lora_A.weight", [float.NaN], 1, 1)
                .Floats("unet.mid_block.x.lora_B.weight", [1], 1, 1)), StringComparison.Ordinal);
        Assert.Contains("alpha of 2 values", Refused(Pair("unet.mid_block.x").Floats("unet.mid_block.x.alpha", [1, 2], 2)), StringComparison.Ordinal);
    }

    [Fact]
    public void Foreign_tensors_are_listed_and_another_architecture_is_named()
    {
        Assert.Contains(
            "not those of a LoRA for Stable Diffusion: extra", Refused(Pair("unet.mid_block.x").Floats("extra", [1], 1)), StringComparison.Ordinal);
        Assert.Contains("a LoRA for Stable Diffusion 3", Refused(Pair("transformer.transformer_blocks.0.attn.to_q")), StringComparison.Ordinal);
        Assert.Contains("a LoRA for Flux", Refused(Pair("transformer.single_transformer_blocks.0.attn.to_q")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("lora_unet_double_blocks_0_img_attn_qkv", 3072, "Flux")]
    [InlineData("lora_unet_down_blocks_0_attentions_9_transformer_blocks_0_attn2_to_k", 768, "Stable Diffusion 1.x")]
    [InlineData("lora_unet_down_blocks_0_attentions_9_transformer_blocks_0_attn2_to_k", 1024, "Stable Diffusion 2.x")]
    [InlineData("lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k", 2048, "Stable Diffusion XL")]
    [InlineData("lora_te2_text_model_encoder_layers_31_mlp_fc1", 1280, "Stable Diffusion XL")]
    public void A_LoRA_of_another_model_is_refused_with_the_model_named(string module, int width, string architecture)
    {
        LoraFile lora = Parse(
            new SafetensorsWriter().Floats($"{module}.lora_down.weight", new float[width], 1, width)
                .Floats($"{module}.lora_up.weight", [1, 2], 2, 1));
        Assert.Equal(architecture, lora.Architecture);
        string message =
            Assert.Throws<ModelException>(() => new AdapterSet([new LoraUse(lora, 1)], []).Check(GoldenData.Weights("tiny-sd15").Signatures()))
                .Message;
        Assert.Contains($"has 1 of 1 modules that the model does not have; it is for {architecture}", message, StringComparison.Ordinal);
        Assert.Contains(module["lora_".Length..].Split('_', 2)[1], message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_LoRA_whose_matrices_have_other_sizes_is_refused()
    {
        LoraFile lora = Parse(Pair("unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k"));
        string message =
            Assert.Throws<ModelException>(() => new AdapterSet([new LoraUse(lora, 0)], []).Check(GoldenData.Weights("tiny-sd15").Signatures()))
                .Message;
        Assert.Contains("takes 1 values to 1, the model's 32 to 64", message, StringComparison.Ordinal);
    }

    private static SafetensorsWriter Pair(string module) =>
        new SafetensorsWriter().Floats($"{module}.lora_A.weight", [1, 2], 2, 1).Floats($"{module}.lora_B.weight", [3, 4], 1, 2);

    private static LoraFile Parse(SafetensorsWriter writer) => LoraFile.Parse(SafetensorsFile.Parse(writer.Bytes(), "some.safetensors"));

    private static string Refused(SafetensorsWriter writer) => Assert.Throws<ModelException>(() => Parse(writer)).Message;
}
