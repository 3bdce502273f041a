using System.Text.Json.Nodes;
using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;
using Brownian.Import.SingleFiles;

namespace Brownian.Import.Folders;

/// <summary>
/// Reads Stable Diffusion 3 or Flux in one file: the transformer, and the text encoders and the autoencoder where they are in it. What is not in the
/// files is as in the folders that the authors published: scheduler and autoencoder by family and variant.
/// </summary>
internal sealed class TransformerFile(WeightSet set, TransformerWeights transformer, ImportSettings settings) : SingleFileReader(set, settings)
{
    private const string First = "text_encoder", Second = "text_encoder_2", Third = "text_encoder_3";
    private const string Flow = "FlowMatchEulerDiscreteScheduler";

    /// <inheritdoc/>
    public override PartReader ReadParts()
    {
        var parts = new PartReader(Settings.Graphs);
        if (Settings.UsesAverages || Settings.PredictionType is not null)
        {
            parts.Faults.Add("--ema and --prediction have no meaning for a transformer of Stable Diffusion 3 or Flux: leave them out");
        }
        var texts = new TextEncoders(this, Slots());
        JsonObject config = ConfigOf("transformer", transformer.Config);
        if (Settings.ConfigFolder is null && transformer.Missing.Count > 0)
        {
            parts.Faults.Add($"{Set.Name} lacks tensors that tell the transformer's size: {string.Join(", ", transformer.Missing)}");
        }
        else
        {
            Read(parts, "transformer", config, transformer.Parameters(JsonFile.Integer(config["num_layers"]) ?? (transformer.IsFlux ? 19 : 18)));
            RequireWidths(parts, config, texts);
        }
        texts.Read(parts);
        bool hasT5 = texts.Parts.Contains(transformer.IsFlux ? Second : Third);
        if (!transformer.IsFlux && !hasT5)
        {
            parts.Notes.Add(
                "the model has no T5 text encoder: the CLIP encoders alone read prompts, and zeros replace T5's states. Give one with "
                    + "--text-encoder");
        }
        if (transformer.IsFlux)
        {
            ReadAutoencoder(parts, 0.3611, ("shift_factor", 0.1159), ("sample_size", 1024));
        }
        else
        {
            ReadAutoencoder(parts, 1.5305, ("shift_factor", 0.0609), ("sample_size", 1024));
        }
        if (Settings.ConfigFolder is { } folder)
        {
            CopyFiles(folder, texts.Tokenizers);
        }
        else
        {
            Files.Add(TokenizerFiles.Text("scheduler/scheduler_config.json", Scheduler()));
            Files.Add(TokenizerFiles.Text(DiffusersFolder.ModelIndex, ModelIndex(hasT5)));
        }
        return parts;
    }

    /// <summary>
    /// Stable Diffusion 3's first encoder is used without its projection: <c>create_diffusers_clip_model_from_ldm</c> of diffusers replaces the
    /// projection by the identity, and ComfyUI's <c>sd3_clip.py</c> leaves it out.
    /// </summary>
    private TextSlot[] Slots() => transformer.IsFlux
        ? [Slot(First, TextEncoderKind.Clip, "clip_l"), Slot(Second, TextEncoderKind.T5, "t5xxl")]
        :
        [
            Slot(First, TextEncoderKind.Clip, "clip_l") with { IsProjectedByConfig = true },
            Slot(Second, TextEncoderKind.OpenClip, "clip_g") with { IsProjected = true },
            Slot(Third, TextEncoderKind.T5, "t5xxl") with { IsOptional = true },
        ];

    private TextSlot Slot(string part, TextEncoderKind kind, string name) =>
        new(part, kind, TextEncoderWeights.Find(Set, $"text_encoders.{name}.transformer.", kind));

    /// <summary>Requires that the encoders fit the transformer.</summary>
    private void RequireWidths(PartReader parts, JsonObject config, TextEncoders texts)
    {
        string t5 = transformer.IsFlux ? Second : Third;
        Require(texts.WidthOf(t5, "d_model"), JsonFile.Integer(config["joint_attention_dim"]) ?? 4096, "its T5 text encoder is");
        int? pooled = JsonFile.Integer(config["pooled_projection_dim"]);
        if (transformer.IsFlux)
        {
            Require(texts.WidthOf(First, "hidden_size"), pooled ?? 768, "its CLIP-L text encoder is");
            int channels = JsonFile.Integer(config["in_channels"]) ?? 64, outputs = JsonFile.Integer(config["out_channels"]) ?? channels;
            if (channels != outputs)
            {
                parts.Faults.Add(
                    $"its transformer takes {channels} channels and returns {outputs}, as Flux Fill, Depth and Canny, which take an image beside the "
                        + "latents; supported: as many as it returns");
            }
        }
        else
        {
            Require(
                texts.WidthOf(First, "hidden_size") + texts.WidthOf(Second, "projection_dim"), pooled ?? 2048,
                "the pooled text of its CLIP-L and OpenCLIP text encoders is");
        }

        void Require(int? given, int expected, string what)
        {
            if (given is { } width && width != expected)
            {
                parts.Faults.Add($"{what} {width} wide, but its transformer takes {expected}");
            }
        }
    }

    private JsonObject Scheduler() => transformer.IsFlux
        ? new JsonObject
        {
            ["_class_name"] = Flow,
            ["base_image_seq_len"] = 256,
            ["base_shift"] = 0.5,
            ["max_image_seq_len"] = 4096,
            ["max_shift"] = 1.15,
            ["num_train_timesteps"] = 1000,
            ["shift"] = transformer.EmbedsGuidance ? 3.0 : 1.0,
            ["use_dynamic_shifting"] = transformer.EmbedsGuidance,
        }
        : new JsonObject { ["_class_name"] = Flow, ["num_train_timesteps"] = 1000, ["shift"] = 3.0 };

    private JsonObject ModelIndex(bool hasT5)
    {
        var index = new JsonObject
        {
            ["_class_name"] = transformer.IsFlux ? "FluxPipeline" : "StableDiffusion3Pipeline",
            ["scheduler"] = new JsonArray("diffusers", Flow),
            ["transformer"] = new JsonArray("diffusers", transformer.IsFlux ? "FluxTransformer2DModel" : "SD3Transformer2DModel"),
            ["vae"] = new JsonArray("diffusers", "AutoencoderKL"),
        };
        foreach (TextSlot slot in Slots())
        {
            bool isT5 = slot.Kind == TextEncoderKind.T5;
            string encoder = isT5 ? "T5EncoderModel" : transformer.IsFlux ? "CLIPTextModel" : "CLIPTextModelWithProjection";
            index[slot.Part] = isT5 && !hasT5 ? new JsonArray(null, null) : new JsonArray("transformers", encoder);
            index[slot.Tokenizer] = isT5 && !hasT5 ? new JsonArray(null, null)
                : new JsonArray("transformers", isT5 ? "T5TokenizerFast" : "CLIPTokenizer");
        }
        return index;
    }
}
