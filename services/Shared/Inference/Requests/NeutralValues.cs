using System.Collections.Frozen;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Brownian.Inference.Requests;

/// <summary>
/// Values that mean nothing to families and tasks that do not know the field: the defaults of the reference's pipelines, so that a client
/// that fills in every default gets its image. Numbers are compared as numbers, however they are spelled.
/// </summary>
public static class NeutralValues
{
    private static readonly FrozenDictionary<string, JsonNode[]> Values = new Dictionary<string, JsonNode[]>
    {
        ["prompt"] = [""],
        ["negative_prompt"] = [""],
        ["prompt_syntax"] = ["plain"],
        ["long_prompt"] = ["truncate"],
        ["clip_skip"] = [0],
        ["count"] = [1],
        ["noise"] = ["torch-cpu"],
        ["noise_dtype"] = ["float32"],
        ["subseed"] = [0],
        ["subseed_strength"] = [0],
        // Stable Diffusion, instruct-pix2pix and IF, LCM, SD3 and Flux, the x4 upscaler, IF's image to image, and its super-resolution.
        ["steps"] = [50, 100, 4, 28, 75, 80],
        ["prior_steps"] = [25],
        ["decoder_steps"] = [25],
        ["super_res_steps"] = [7],
        ["guidance_scale"] = [7.5, 5, 8.5, 7, 10, 4, 3.5, 9],
        ["prior_guidance_scale"] = [4],
        ["decoder_guidance_scale"] = [8],
        ["image_guidance_scale"] = [1.5],
        ["true_cfg_scale"] = [1],
        ["guidance_rescale"] = [0],
        ["guidance_method"] = ["cfg"],
        ["guidance_interval"] = [new JsonArray(0, 1)],
        ["pag_scale"] = [0],
        ["eta"] = [0],
        // Image to image and inpainting of Stable Diffusion, XL, SD3 and IF.
        ["strength"] = [0.8, 1, 0.3, 0.9999, 0.6, 0.7],
        ["denoising_start"] = [0],
        ["denoising_end"] = [1],
        ["noise_level"] = [20, 250, 0],
        // SD3 and Flux.
        ["max_sequence_length"] = [256, 512],
        ["crops_coords_top_left"] = [new JsonArray(0, 0)],
        ["negative_crops_coords_top_left"] = [new JsonArray(0, 0)],
        ["aesthetic_score"] = [6],
        ["negative_aesthetic_score"] = [2.5],
        ["vae_tiling"] = [false],
        ["tile"] = [0],
        ["loras"] = [new JsonArray()],
        ["textual_inversions"] = [new JsonArray()],
        ["controlnets"] = [new JsonArray()],
        ["control_image"] = [new JsonArray()],
        ["controlnet_conditioning_scale"] = [1, new JsonArray(1)],
        ["control_guidance_start"] = [0, new JsonArray(0)],
        ["control_guidance_end"] = [1, new JsonArray(1)],
        ["guess_mode"] = [false],
        ["control_preprocess"] = ["none"],
        ["stage_1"] = [new JsonObject()],
        ["stage_2"] = [new JsonObject()],
        ["stage_3"] = [new JsonObject()],
        ["stage_2_seed_offset"] = [0],
        ["stage_3_seed_offset"] = [0],
        ["priority"] = ["standard"],
        ["labels"] = [new JsonObject()],
        ["detach"] = [false],
        ["direct"] = [false],
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The fields that have such values, and the values.</summary>
    public static IReadOnlyDictionary<string, JsonNode[]> All => Values;

    /// <summary>Whether a field's value means nothing to those that do not know the field.</summary>
    public static bool Contains(string field, JsonNode value) => Values.TryGetValue(field, out JsonNode[]? neutral) && neutral.Any(candidate => AreEqual(candidate, value, takesText: field == "subseed"));

    private static bool AreEqual(JsonNode one, JsonNode other, bool takesText = false) => (one, other) switch
    {
        (JsonArray first, JsonArray second) => first.Count == second.Count && first.Zip(second).All(pair => pair.Second is not null && AreEqual(pair.First!, pair.Second)),
        (JsonObject first, JsonObject second) => JsonNode.DeepEquals(first, second),
        (JsonValue first, JsonValue second) => first.GetValueKind() == JsonValueKind.Number
            ? JsonNumber.Double(first) is { } number && (JsonNumber.Double(second) ?? (takesText ? JsonNumber.UInt64(second) : null)) == number
            : JsonNode.DeepEquals(first, second),
        _ => false,
    };
}
