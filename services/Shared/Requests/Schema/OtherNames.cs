namespace Brownian.Requests.Schema;

/// <summary>
/// What other programs call the fields of requests: AUTOMATIC1111's interface, diffusers' pipelines, ComfyUI's nodes, InvokeAI and
/// stable-diffusion.cpp. Only names that mean one thing are listed.
/// </summary>
public static class OtherNames
{
    /// <summary>The field of each name, in the form of JSON.</summary>
    public static IReadOnlyDictionary<string, string> Fields { get; } = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)
    {
        ["cfg"] = "guidance_scale",
        ["cfg_scale"] = "guidance_scale",
        ["cfgscale"] = "guidance_scale",
        ["sampler"] = "scheduler",
        ["sampler_name"] = "scheduler",
        ["sampler_index"] = "scheduler",
        ["sampling_method"] = "scheduler",
        ["num_inference_steps"] = "steps",
        ["sampling_steps"] = "steps",
        ["num_images"] = "count",
        ["num_images_per_prompt"] = "count",
        ["batch_size"] = "count",
        ["batch_count"] = "count",
        ["n_iter"] = "count",
        ["denoise"] = "strength",
        ["denoising_strength"] = "strength",
        ["init_img"] = "init_image",
        ["init_images"] = "init_image",
        ["mask_image"] = "mask",
        ["variation_seed"] = "subseed",
        ["variation_seed_strength"] = "subseed_strength",
        ["hires_fix"] = "hires",
        ["enable_hr"] = "hires",
        ["hr_scale"] = "hires",
        ["inpaint_full_res_padding"] = "padding_mask_crop",
        ["refiner_checkpoint"] = "refiner",
        ["checkpoint"] = "model",
        ["sd_model_checkpoint"] = "model",
        ["ckpt_name"] = "model",
    };

    /// <summary>Returns the message about an unknown field.</summary>
    /// <param name="name">The name that was given.</param>
    /// <param name="known">The known fields.</param>
    /// <param name="owner">What has the known fields.</param>
    public static string DescribeUnknown(string name, IReadOnlyCollection<string> known, string owner = "a request") =>
        $"is not a field of {owner}{Hint(name, known)}; known: {string.Join(", ", known)}";

    /// <summary>Returns " (did you mean NAME?)" for the name of an unknown field, or nothing when no known field is near.</summary>
    /// <param name="name">The name that was given.</param>
    /// <param name="known">The known fields.</param>
    public static string Hint(string name, IEnumerable<string> known) =>
        Fields.TryGetValue(name, out string? field) && known.Contains(field, StringComparer.Ordinal)
            ? Spelling.Meant(field)
            : Spelling.Hint(name, known);
}
