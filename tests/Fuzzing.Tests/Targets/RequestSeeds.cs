using System.Text.Json.Nodes;
using Brownian.Requests;
using Brownian.Tests.Programs;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>Requests, from which the inputs of several targets are made.</summary>
internal static class RequestSeeds
{
    /// <summary>The names of fields and values.</summary>
    public static IReadOnlyList<string> Tokens { get; } =
    [
        .. RequestSchema.Request.All.Select(field => field.Name), .. RequestSchema.Job.All.Select(field => field.Name), "_class_name",
        "EulerDiscreteScheduler",
        "karras", "a1111", "data:image/png;base64,", "data:image/png;base64,iVBORw0KGgo=", "up_0123456789abcdef0123456789abcdef", "NaN", "Infinity",
        "tiny-sd15", "tiny-sdxl", "tiny-sd3", "tiny-if", "tiny-karlo", "tiny-flux-dev", "tiny-x4-upscaler", "[a:b:0.5]", "(a:1.5)", "AND", "BREAK",
        "\\ud800",
    ];

    /// <summary>The number of requests before those of the reference's cases.</summary>
    public const int Own = 17;

    /// <summary>Requests as JSON.</summary>
    public static IReadOnlyList<string> Json { get; } =
    [
        """{"prompt": "red apple, flat"}""",
        """{"prompt": "red apple", "model": "tiny-sd15", "steps": 4, "seed": 18446744073709551615, "scheduler": "euler"}""",
        """{"prompt": "red apple", "width": 64, "height": 64}""",
        """
        {"prompt": "[a:b:0.5] (c:1.2) AND d :0.5", "prompt_syntax": "a1111", "long_prompt": true, "negative_prompt": "e", "clip_skip": 1, "count": 2,
         "guidance_scale": 5.5, "guidance_rescale": 0.7, "guidance_start": 0.1, "guidance_end": 0.9, "eta": 0.5, "scheduler":
         {"_class_name": "DDIM", "timestep_spacing": "trailing"}, "labels": {"album": "fruit"}, "priority": "interactive"}
        """,
        """{"prompt": "a", "model": "tiny-sd15", "init_image": "image", "mask": "mask", "strength": 0.5, "padding_mask_crop": 8}""",
        """{"prompt": "a", "model": "tiny-sd15-controlnet", "control_image": ["image", "image"], "control_scale": [0.5, 1], "control_start": 0.1}""",
        """{"prompt": "a", "loras": [{"file": "sd15-peft", "weight": 0.5}], "textual_inversions": [{"file": "golden-blob-2", "token": "x"}]}""",
        """{"prompt": "a", "model": "tiny-sd15", "hires": {"scale": 1.5, "strength": 0.5, "upscaler": "latent"}}""",
        """{"prompt": "a", "model": "tiny-sd15", "subseed": 3, "subseed_strength": 0.4}""",
        """{"prompt": "a", "model": "tiny-sdxl", "prompt_2": "b", "refiner": {"model": "tiny-sdxl-refiner", "denoising_start": 0.8}}""",
        """{"prompt": "a", "model": "tiny-sdxl", "denoising_end": 0.8}""",
        """{"prompt": "a", "model": "tiny-sd3", "prompt_3": "c", "max_sequence_length": 77, "seeds": [1, 2]}""",
        """{"prompt": "a", "model": ["tiny-if", "tiny-if-sr"], "timesteps": "fast27"}""",
        """{"prompt": "a", "timesteps": [901, 701, 301, 1], "format": "jpeg", "quality": 80, "metadata": false}""",
        """{"prompt": "a", "interpolate": {"prompts": ["a", "b"], "frames": 4}, "deadline": "2030-01-31T12:00:00Z", "idempotency_key": "k"}""",
        """{"model": "tiny-x4-upscaler", "init_image": "image", "prompt": "a", "noise_level": 20}""",
        """{"prompt": "a", "preview": {"every": 2, "size": 64}, "noise": "torch-cuda", "noise_dtype": "float16"}""",
        .. Directory.EnumerateFiles(Repository.Combine("tests", "Golden.Tests", "Data", "cases"), "*.json", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal)
            .Select(file => JsonNode.Parse(File.ReadAllText(file)) as JsonObject)
            .Where(golden => golden?["request"] is JsonObject && golden["model"] is JsonValue)
            .Select(golden =>
            {
                JsonObject request = golden!["request"]!.DeepClone().AsObject();
                request["model"] = golden["model"]!.DeepClone();
                return request.ToJsonString();
            }),
    ];
}
