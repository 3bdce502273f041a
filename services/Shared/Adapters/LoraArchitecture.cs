using System.Text.RegularExpressions;
using Brownian.Formats.Safetensors;

namespace Brownian.Adapters;

/// <summary>Determines the model that a LoRA was trained for, as far as its names and shapes allow; used only in messages.</summary>
internal static partial class LoraArchitecture
{
    private const string Flux = "Flux";
    private const string Sd3 = "Stable Diffusion 3";
    private const string Sdxl = "Stable Diffusion XL";

    /// <summary>Returns the model's name, or null when it cannot be determined.</summary>
    public static string? Of(IEnumerable<SafetensorsTensor> tensors)
    {
        string? found = null;
        foreach (SafetensorsTensor tensor in tensors)
        {
            string name = tensor.Name;
            if (FluxNames().IsMatch(name))
            {
                return Flux;
            }
            if (Sd3Names().IsMatch(name))
            {
                return Sd3;
            }
            found ??= SdxlNames().IsMatch(name) ? Sdxl : null;
            found ??= CrossAttention().IsMatch(name) && tensor.Shape.Count >= 2 ? OfWidth(tensor.Shape[1]) : null;
        }
        return found;
    }

    /// <summary>Returns the model's name, or null when it cannot be determined.</summary>
    public static string? Of(GraphSignature unet) =>
        unet.Find("add_embedding.linear_1", isFlat: false) is not null ? Sdxl : OfWidth(unet.CrossAttentionWidth ?? 0);

    private static string? OfWidth(int width) => width switch
    {
        768 => "Stable Diffusion 1.x",
        1024 => "Stable Diffusion 2.x",
        2048 => Sdxl,
        _ => null,
    };

    [GeneratedRegex(@"double_blocks|single_blocks|single_transformer_blocks")]
    private static partial Regex FluxNames();

    [GeneratedRegex(@"joint_blocks|context_block|^transformer\.transformer_blocks|^lora_transformer_transformer_blocks|diffusion_model_joint")]
    private static partial Regex Sd3Names();

    [GeneratedRegex(
        @"^lora_te2_|^lora_te1_|^text_encoder_2\.|label_emb|add_embedding|attentions[._]\d+[._]transformer_blocks[._](?:[2-9])[._]|"
        + "blocks_\\d+_1_transformer_blocks_[2-9]_")]
    private static partial Regex SdxlNames();

    [GeneratedRegex(@"attn2[._](?:processor\.)?to_[kv](?:\.|_lora\.)(?:lora_|lora\.)?(?:lora_linear_layer\.)?(?:down|A)(?:\.default)?\.weight$|"
        + @"attn2[._]to_[kv]\.(?:hada_w1_b|diff)$")]
    private static partial Regex CrossAttention();
}
