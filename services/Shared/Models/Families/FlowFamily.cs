using System.Text.Json.Nodes;
using Brownian.Formats.Files;
using Brownian.Models.Facts;
using Brownian.Models.Folders;
using Brownian.Models.Plans;
using Brownian.Requests;

namespace Brownian.Models.Families;

/// <summary>The common base of Stable Diffusion 3 and Flux: a transformer that predicts velocities, T5 beside CLIP, and a VAE with a shift.</summary>
internal abstract class FlowFamily : ModelFamily
{
    /// <summary>The number of pixels above which the VAE works in tiles by default.</summary>
    protected const int MaxUntiled = 1536 * 1536;

    /// <summary>Pixels per side of one latent when the VAE's configuration does not state it.</summary>
    private const int DefaultScale = 8;

    /// <summary>Reads the facts of the VAE and the transformer that both families share.</summary>
    protected static ModelFacts ReadShared(ModelFolder model)
    {
        GraphFile transformer = model.Require("transformer"), vae = model.Require("vae_decoder");
        return new ModelFacts
        {
            Denoisers = ["transformer"],
            HasPerturbed = model.Graphs.ContainsKey("transformer" + ModelFolder.PerturbedSuffix),
            Channels = vae.Integer("latent_channels") ?? 16,
            Scale = ModelFacts.Levels(vae) is { } levels ? 1 << (levels - 1) : DefaultScale,
            LatentMultiple = 2,
            ScalingFactor =
                vae.Number("scaling_factor") ?? throw new ModelException($"{vae.File} has no config.json beside it with scaling_factor"),
            StatesScalingFactor = true,
            ShiftFactor = vae.Number("shift_factor") ?? 0,
            TilePixels = vae.Integer("sample_size") is >= 16 and int tile ? tile : ModelFacts.UnstatedTilePixels,
            HasVaeEncoder = model.Graphs.ContainsKey("vae_encoder"),
            EmbeddingWidth = transformer.Integer("joint_attention_dim"),
            MaxClipSkip = 0,
        };
    }

    /// <summary>Returns the shift (mu) of a scheduler with dynamic shifting; null for others.</summary>
    protected static double? MuOf(JsonObject file, JsonObject? overrides, int width, int height, double maxShift)
    {
        var merged = (JsonObject)file.DeepClone();
        foreach ((string name, JsonNode? value) in overrides ?? [])
        {
            merged[name] = value?.DeepClone();
        }
        return merged["use_dynamic_shifting"] is JsonValue shifts && shifts.TryGetValue(out bool isTrue) && isTrue
            ? ShiftOf(merged, height / 16 * (width / 16), maxShift)
            : null;
    }

    /// <summary>
    /// Computes how far noise levels are shifted for larger images (<c>calculate_shift</c> of the reference's <c>pipeline_flux.py</c>).
    /// </summary>
    /// <param name="scheduler">The scheduler's settings.</param>
    /// <param name="squares">The number of patches of two by two latents in an image.</param>
    /// <param name="maxShift">The default of <c>max_shift</c> when the settings do not contain it.</param>
    private static double ShiftOf(JsonObject scheduler, int squares, double maxShift)
    {
        double baseLength = Number("base_image_seq_len", 256), maxLength = Number("max_image_seq_len", 4096), baseShift = Number("base_shift", 0.5),
        most = Number("max_shift", maxShift);
        double slope = (most - baseShift) / (maxLength - baseLength);
        return squares * slope + (baseShift - slope * baseLength);

        double Number(string name, double usual) => scheduler[name] is JsonValue value && value.TryGetValue(out double number) ? number : usual;
    }

    /// <summary>Rejects sizes that the transformer has no position embeddings for.</summary>
    protected static void CheckSize(int width, int height, ModelFacts facts, List<FieldFault> faults)
    {
        FamilyRules.CheckSize(width, height, facts, faults);
        if (facts is { MaxLatentSide: { } most, Scale: { } scale })
        {
            foreach ((string field, int side) in ((string, int)[])[("width", width), ("height", height)])
            {
                if (side > most * scale)
                {
                    faults.Add(FieldFault.Of(field, side, $"up to {most * scale} with this model, which has no positions for more"));
                }
            }
        }
    }

    /// <summary>Returns the token window of a request. Rejects windows longer than the model's maximum.</summary>
    protected static int WindowOf(GenerationRequest request, ModelFacts facts, List<FieldFault> faults)
    {
        TextFacts text = facts.Text!;
        if (request.MaxSequenceLength is { } requested && requested > text.MaxWindow)
        {
            faults.Add(FieldFault.Of("max_sequence_length", requested, $"1..{text.MaxWindow}"));
        }
        return request.MaxSequenceLength ?? text.Window;
    }

    /// <summary>Returns the settings of the denoise stage that all requests share.</summary>
    protected static DenoiseSettings Denoising(ResolvedRequest request, ModelFacts facts) =>
        PlanBuilder.Denoising(request, [facts.Channels!.Value, request.Height / facts.Scale!.Value, request.Width / facts.Scale.Value]) with
        {
            IsPooled = true,
        };

    /// <summary>Returns the denoise stage's inputs for the encoded prompts.</summary>
    protected static Dictionary<string, string> TextInputs(string encode, bool isGuided)
    {
        var inputs = new Dictionary<string, string>
        { ["embedding"] = encode + ".prompt", ["pooled"] = $"{encode}.prompt{TextEncodeSettings.PooledSuffix}" };
        if (isGuided)
        {
            inputs["negative"] = encode + ".negative";
            inputs["negative-pooled"] = $"{encode}.negative{TextEncodeSettings.PooledSuffix}";
        }
        return inputs;
    }

    /// <summary>Adds the stage that decodes a run's latents.</summary>
    protected static string AddDecode(PlanBuilder plan, ResolvedRequest request, ModelCard model, string denoise, bool withoutShift = false) =>
        plan.Add(
            "decode", StageKind.VaeDecode, new VaeDecodeSettings { Tiled = request.IsTiled, WithoutShift = withoutShift },
            new() { ["latents"] = denoise + ".latents" }, model) + ".pixels";
}
