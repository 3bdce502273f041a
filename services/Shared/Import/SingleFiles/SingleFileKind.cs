using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;

namespace Brownian.Import.SingleFiles;

/// <summary>Tells by the names of its tensors what a single file is.</summary>
internal static class SingleFileKind
{
    private static readonly (string Part, string What)[] Others =
    [
        ("lora_up.", "a LoRA; give it to generate with --lora"),
        ("lora_A.", "a LoRA; give it to generate with --lora"),
        ("lora.up.", "a LoRA; give it to generate with --lora"),
        ("hada_w1_a", "a LoRA; give it to generate with --lora"),
        ("string_to_param", "a textual inversion; give it to generate with --textual-inversion"),
        ("emb_params", "a textual inversion; give it to generate with --textual-inversion"),
        ("control_model.", "a ControlNet in Stability's names; import a folder with its config.json in diffusers' names instead"),
        ("controlnet_cond_embedding.", "a ControlNet; import its folder, which has a config.json"),
        ("double_blocks.", "a transformer of Flux; import a diffusers folder of the model instead"),
        ("joint_blocks.", "a transformer of Stable Diffusion 3; import a diffusers folder of the model instead"),
        ("transformer_blocks.", "a network in diffusers' names; import its folder, which has a config.json"),
        ("blk.0.attn", "a language model, not a model of images"),
        ("model.layers.0.self_attn", "a language model, not a model of images"),
        ("encoder.block.0.layer.0.SelfAttention", "a T5 text encoder; import a diffusers folder of the whole model"),
        ("decoder.up.0.block.0.conv1", "an autoencoder; give it to import with --vae beside a model"),
        ("decoder.up_blocks.0", "an autoencoder; import its folder, which has a config.json, or give it to import with --vae beside a model"),
        ("text_model.encoder.layers.0", "a text encoder; import a file or folder of the whole model"),
    ];

    /// <summary>Requires that a file contains a Stable Diffusion in Stability's names.</summary>
    /// <exception cref="ModelException">It is something else; the message says what.</exception>
    public static void Require(WeightSet set)
    {
        if (set.Tensors.ContainsKey(DerivedConfigs.Unet + "input_blocks.0.0.weight"))
        {
            return;
        }
        foreach ((string part, string what) in Others)
        {
            if (set.Tensors.Keys.Any(name => name.Contains(part, StringComparison.Ordinal)))
            {
                throw new ModelException($"{set.Name} is {what}");
            }
        }
        string first = string.Join(", ", set.Tensors.Keys.Order(StringComparer.Ordinal).Take(3));
        throw new ModelException(
            $"{set.Name} is no Stable Diffusion 1.x, 2.x or XL in Stability's names: it has no {DerivedConfigs.Unet}input_blocks.0.0.weight. "
                + $"Its {set.Tensors.Count} tensors begin with {first}");
    }
}
