namespace Brownian.Adapters;

/// <summary>The program whose naming scheme the modules of a LoRA have.</summary>
public enum LoraStyle
{
    /// <summary><c>unet.….lora_A.weight</c>, as PEFT saves.</summary>
    Peft,

    /// <summary><c>unet.….processor.to_q_lora.down.weight</c> and similar names, as diffusers saved before PEFT.</summary>
    Diffusers,

    /// <summary><c>lora_unet_down_blocks_…</c>, kohya's flattened names of diffusers' blocks.</summary>
    Kohya,

    /// <summary><c>lora_unet_input_blocks_…</c>, kohya's flattened names of Stability's blocks.</summary>
    KohyaStability,
}
