using System.Text.Json.Nodes;

namespace Brownian.Import.Tests.MadeUp;

/// <summary>The configurations of a model, in diffusers' and transformers' keys. Keys that are left out have the networks' defaults.</summary>
/// <param name="Unet">The UNet.</param>
/// <param name="Vae">The autoencoder.</param>
/// <param name="Text">The text encoder.</param>
/// <param name="SecondText">The second text encoder, of Stable Diffusion XL; null for 1.x.</param>
internal sealed record MadeUpModel(JsonObject Unet, JsonObject Vae, JsonObject Text, JsonObject? SecondText = null)
{
    private const string OwnVae = """
        "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
        "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]
        """;

    /// <summary>A model of 9 MB with CLIP's whole vocabulary.</summary>
    public static MadeUpModel Small { get; } = Of(
        """
        {
          "block_out_channels": [32, 64], "cross_attention_dim": 64, "layers_per_block": 1,
          "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"], "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"]
        }
        """,
        $$"""{ "block_out_channels": [32, 32, 32, 32], "layers_per_block": 1, {{OwnVae}} }""",
        """{ "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 1 }""");

    /// <summary>The sizes of Stable Diffusion 1.5.</summary>
    public static MadeUpModel StableDiffusion15 { get; } = Of(
        """
        {
          "cross_attention_dim": 768, "block_out_channels": [320, 640, 1280, 1280], "layers_per_block": 2, "attention_head_dim": 8,
          "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
          "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
          "norm_num_groups": 32, "sample_size": 64
        }
        """,
        $$"""
        { "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2, "norm_num_groups": 32, "sample_size": 512, {{OwnVae}} }
        """,
        """
        { "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12, "vocab_size": 49408 }
        """);

    /// <summary>The sizes of Stable Diffusion XL's base model.</summary>
    public static MadeUpModel StableDiffusionXl { get; } = Of(
        """
        {
          "cross_attention_dim": 2048, "block_out_channels": [320, 640, 1280], "layers_per_block": 2, "attention_head_dim": [5, 10, 20],
          "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
          "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
          "transformer_layers_per_block": [1, 2, 10], "use_linear_projection": true, "addition_embed_type": "text_time",
          "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816
        }
        """,
        $$"""{ "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2, {{OwnVae}} }""",
        """{ "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12 }""",
        """
        {
          "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20, "hidden_act": "gelu",
          "projection_dim": 1280
        }
        """);

    private static MadeUpModel Of(string unet, string vae, string text, string? second = null)
    {
        return new MadeUpModel(Parse("UNet2DConditionModel", unet), Parse("AutoencoderKL", vae), Parse("CLIPTextModel", text), second is null
            ? null : Parse("CLIPTextModelWithProjection", second));

        static JsonObject Parse(string name, string json)
        {
            JsonObject config = JsonNode.Parse(json)!.AsObject();
            config["_class_name"] = JsonNode.Parse($"\"{name}\"");
            return config;
        }
    }
}
