using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;

namespace Brownian.Import.SingleFiles;

/// <summary>Tells by the names of its tensors what a single file is.</summary>
internal static class SingleFileKind
{
    /// <summary>What can have names of a transformer's blocks, too.</summary>
    private static readonly (string Part, string What)[] WithBlocks =
    [
        ("lora_up.", "a LoRA; give it to generate with --lora"),
        ("lora_A.", "a LoRA; give it to generate with --lora"),
        ("lora.up.", "a LoRA; give it to generate with --lora"),
        ("_lora1.up.", "a LoRA of Flux in XLabs' names; convert it to diffusers' names"),
        ("hada_w1_a", "a LoRA; give it to generate with --lora"),
        ("controlnet_blocks.", "a ControlNet of Stable Diffusion 3 or Flux, which is not supported"),
        ("distilled_guidance_layer.", "Chroma, which is not supported"),
        ("double_stream_modulation_img.", "Flux 2, which is not supported"),
    ];

    private static readonly (string Part, string What)[] Others =
    [
        ("string_to_param", "a textual inversion; give it to generate with --textual-inversion"),
        ("emb_params", "a textual inversion; give it to generate with --textual-inversion"),
        ("control_model.", "a ControlNet in Stability's names; import a folder with its config.json in diffusers' names instead"),
        ("controlnet_cond_embedding.", "a ControlNet; import its folder, which has a config.json"),
        ("transformer_blocks.", "a network in diffusers' names; import its folder, which has a config.json"),
        ("enc.blk.0.attn", "a T5 text encoder; give it to import with --text-encoder beside a model"),
        ("blk.0.attn", "a language model, not a model of images"),
        ("model.layers.0.self_attn", "a language model, not a model of images"),
        ("encoder.block.0.layer.0.SelfAttention", "a T5 text encoder; give it to import with --text-encoder beside a model"),
        ("decoder.up.0.block.0.conv1", "an autoencoder; give it to import with --vae beside a model"),
        ("decoder.up_blocks.0", "an autoencoder; import its folder, which has a config.json, or give it to import with --vae beside a model"),
        ("text_model.encoder.layers.0", "a text encoder; give it to import with --text-encoder beside a model"),
    ];

    /// <summary>The architectures of other upscalers, by names that spandrel (<c>libs/spandrel/spandrel/architectures</c>) tells them by.</summary>
    private static readonly (string Part, string Name)[] Upscalers =
    [
        ("residual_group.overlap_attn.", "HAT"),
        ("residual_group.layers.0.attn_atd.", "ATD"),
        ("residual_group.blocks.0.attn.logit_scale", "Swin2SR"),
        ("residual_group.blocks.0.attn.relative_position", "SwinIR"),
        ("blocks.0.ffn.sg.norm.", "DAT"),
        ("attn.attns.0.rpe_biases", "RGT"),
        ("layers.0.swin1.", "DRCT"),
        ("residual_layer.0.residual_layer.0.layer.", "OmniSR"),
        ("feats.1.lk.conv.", "PLKSR"),
        ("block_1.c1_r.", "SPAN"),
        ("body.0.body.3.conv_du.", "RCAN"),
        ("unet1.conv1.conv.0.", "Real-CUGAN"),
        ("stylegan_decoder.style_mlp.", "GFPGAN"),
    ];

    /// <summary>Requires that a file contains a Stable Diffusion or Flux in its authors' names.</summary>
    /// <returns>The transformer of Stable Diffusion 3 or Flux; null when the model has a UNet.</returns>
    /// <exception cref="ModelException">It is something else; the message says what.</exception>
    public static TransformerWeights? Require(WeightSet set)
    {
        if (set.Tensors.ContainsKey(DerivedConfigs.Unet + "input_blocks.0.0.weight"))
        {
            return null;
        }
        RequireNone(set, WithBlocks);
        if (TransformerWeights.Find(set) is { } transformer)
        {
            return transformer;
        }
        RequireNone(set, Others);
        foreach ((string part, string name) in Upscalers)
        {
            if (Has(set, part))
            {
                throw new ModelException(
                    $"{set.Name} seems to be an upscaler of the architecture {name}. Imported are those of ESRGAN, ESRGAN+ and Real-ESRGAN (RRDBNet, "
                        + "SRVGGNetCompact); export this one to ONNX instead");
            }
        }
        string first = string.Join(", ", set.Tensors.Keys.Order(StringComparer.Ordinal).Take(3));
        throw new ModelException(
            $"{set.Name} is no Stable Diffusion or Flux in its authors' names, and no upscaler of ESRGAN: it has no "
                + $"{DerivedConfigs.Unet}input_blocks.0.0.weight, joint_blocks or double_blocks. Its {set.Tensors.Count} tensors begin with {first}");
    }

    private static void RequireNone(WeightSet set, (string Part, string What)[] kinds)
    {
        if (kinds.FirstOrDefault(kind => Has(set, kind.Part)) is { Part: not null } found)
        {
            throw new ModelException($"{set.Name} is {found.What}");
        }
    }

    private static bool Has(WeightSet set, string part) => set.Tensors.Keys.Any(name => name.Contains(part, StringComparison.Ordinal));
}
