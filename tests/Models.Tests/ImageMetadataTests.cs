using System.Text.Json.Nodes;
using Brownian.Inference.Tests.Adapters;
using Brownian.Models.Families;
using Brownian.Models.Metadata;
using Brownian.Models.Plans;
using Brownian.Requests;
using Brownian.Requests.References;

namespace Brownian.Models.Tests;

/// <summary>Settings of other programs as requests: settings that become fields, that are not used, or that need an image.</summary>
public sealed class ImageMetadataTests
{
    private const string A1111 = "apple\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 5, Size: 64x64, Model: emoji, RNG: CPU";

    [Theory]
    [InlineData("weights", """{"prompt": "(red apple:1.4), [flat], ((noto))", "prompt_syntax": "a1111"}""")]
    [InlineData("var", """{"prompt": "red apple, flat", "subseed": 9, "subseed_strength": 0.3}""")]
    [InlineData("lora", """{"prompt": "red apple, flat", "loras": [{"file": "tint", "weight": 0.8}]}""")]
    public void A_sample_image_of_AUTOMATIC1111_gives_the_whole_request(string name, string expected)
    {
        byte[] file = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Cases", "settings", $"settings-{name}.png"));
        ImageMetadata settings = ImageMetadata.Read(ImageMetadata.TextIn(file)!);
        var whole = new JsonObject
        {
            ["negative_prompt"] = "dark",
            ["steps"] = 3,
            ["scheduler"] = new JsonObject { ["_class_name"] = name == "weights" ? "Euler a" : "Euler" },
            ["guidance_scale"] = 3.5,
            ["seeds"] = new JsonArray(7),
            ["width"] = 64,
            ["height"] = 64,
            ["model"] = "emoji",
        };
        foreach ((string field, JsonNode? value) in JsonNode.Parse(expected)!.AsObject())
        {
            if (value is null)
            {
                whole.Remove(field);
            }
            else
            {
                whole[field] = value.DeepClone();
            }
        }
        AssertSame(whole, settings.Request);
        Assert.Equal(["RNG"], settings.Ignored.Select(setting => setting.Name));
        Assert.Empty(settings.Missing);
        RequestReader.Read(settings.Request);
    }

    [Theory]
    [InlineData("Clip skip: 2", """{"clip_skip": 1}""")]
    [InlineData("Clip skip: 1", """{"clip_skip": 0}""")]
    [InlineData("CFG Rescale: 0.7", """{"guidance_rescale": 0.7}""")]
    [InlineData("CFG Rescale phi: 0.5", """{"guidance_rescale": 0.5}""")]
    [InlineData("Variation seed: 18446744073709551615, Variation seed strength: 1", """{"subseed": 18446744073709551615, "subseed_strength": 1}""")]
    [InlineData("RNG: NV", """{"noise": "torch-cuda"}""")]
    [InlineData("Schedule type: Karras", """{"scheduler": {"_class_name": "Euler Karras"}}""")]
    [InlineData("Schedule type: Automatic", """{"scheduler": {"_class_name": "Euler"}}""")]
    [InlineData("Schedule type: Automatic, Sampler: DPM++ 2M", """{"scheduler": {"_class_name": "DPM++ 2M Karras"}}""")]
    [InlineData("Schedule type: SGM Uniform", """{"scheduler": {"_class_name": "Euler", "timestep_spacing": "trailing"}}""")]
    [InlineData("Schedule type: Exponential, Sampler: DPM++ 2M SDE",
        """{"scheduler": {"_class_name": "DPM++ 2M SDE", "use_exponential_sigmas": true}}""")]
    [InlineData("Sampler: DDIM, Eta: 0.5", """{"scheduler": {"_class_name": "DDIM"}, "eta": 0.5}""")]
    [InlineData("Refiner: xl_refiner [7440042bbd], Refiner switch at: 0.7",
        """{"denoising_end": 0.7, "refiner": {"model": "xl_refiner", "denoising_start": 0.7, "steps": 20, "guidance_scale": 7}}""")]
    [InlineData("Denoising strength: 0.5, Hires upscale: 2, "
        + "Hires steps: 10, Hires upscaler: Latent", """{"hires": {"scale": 2, "upscaler": "latent", "strength": 0.5, "steps": 20}}""")]
    [InlineData("Denoising strength: 0.5, Hires upscale: 1.5, Hires upscaler: Lanczos",
        """{"hires": {"scale": 1.5, "upscaler": "lanczos", "strength": 0.5, "steps": 40}}""")]
    [InlineData("Denoising strength: 1, Hires resize: 128x0, Hires upscaler: Latent (nearest)",
        """{"hires": {"width": 128, "height": 128, "upscaler": "latent-nearest", "strength": 1, "steps": 20}}""")]
    [InlineData("Denoising strength: 1, First pass size: 32x32",
        """{"width": 32, "height": 32, "hires": {"width": 64, "height": 64, "strength": 1, "steps": 20}}""")]
    [InlineData("Distilled CFG Scale: 3.5", """{"guidance_scale": 3.5, "true_cfg_scale": 7}""")]
    [InlineData("Version: v1.10.1, User: x, Time taken: 1.5 sec., Model hash: abc, Hashes: {\"model\": \"abc\", \"vae\": "
        + "\"d\"}, Created Date: 2024-01-01T00:00:00.0Z", "{}")]
    [InlineData("ENSD: 0, Tiling: False, VAE: Automatic, Emphasis: Original, Sigma noise: 1.0, Face restoration: None", "{}")]
    public void A_setting_of_AUTOMATIC1111_becomes_its_fields(string pairs, string expected)
    {
        ImageMetadata settings = ImageMetadata.Read($"{A1111}, {pairs}");
        Assert.Empty(settings.Ignored);
        Assert.Empty(settings.Missing);
        JsonObject whole = ImageMetadata.Read(A1111).Request;
        foreach ((string field, JsonNode? value) in JsonNode.Parse(expected)!.AsObject())
        {
            if (value is null)
            {
                whole.Remove(field);
            }
            else
            {
                whole[field] = value.DeepClone();
            }
        }
        AssertSame(whole, settings.Request);
        RequestReader.Read(settings.Request);
    }

    [Theory]
    [InlineData("ENSD: 31337", "ENSD: 31337")]
    [InlineData("VAE: mse.safetensors, VAE hash: abc", "VAE: mse.safetensors")]
    [InlineData("Face restoration: CodeFormer", "Face restoration: CodeFormer")]
    [InlineData("Tiling: True", "Tiling: True")]
    [InlineData("Token merging ratio: 0.5", "Token merging ratio: 0.5")]
    [InlineData("Sigma churn: 1, Sigma "
        + "tmin: 0.1, Sigma tmax: 2, Sigma noise: 0.9", "Sigma churn: 1", "Sigma tmin: 0.1", "Sigma tmax: 2", "Sigma noise: 0.9")]
    [InlineData("Schedule min sigma: 0.1, "
        + "Schedule max sigma: 10, Schedule rho: 5", "Schedule min sigma: 0.1", "Schedule max sigma: 10", "Schedule rho: 5")]
    [InlineData("Schedule type: Align Your Steps", "Schedule type: Align Your Steps")]
    [InlineData("Noise Schedule: Zero Terminal SNR", "Noise Schedule: Zero Terminal SNR")]
    [InlineData("Skip Early CFG: 0.2, NGMS: "
        + "1, NGMS all steps: True, Pad conds: True", "Skip Early CFG: 0.2", "NGMS: 1", "NGMS all steps: True", "Pad conds: True")]
    [InlineData("Discard penultimate sigma: True, SGM "
        + "noise multiplier: True, Emphasis: No norm", "Discard penultimate sigma: True", "SGM noise multiplier: True", "Emphasis: No norm")]
    [InlineData("Eta: 0.6", "Eta: 0.6")]
    [InlineData("Brightness: 3", "Brightness: 3")]
    [InlineData("Bright: \"a, b: c\", Civitai "
        + "resources: [{\"type\":\"lora\",\"weight\":0.5}]", "Bright: a, b: c", "Civitai resources: [{\"type\":\"lora\",\"weight\":0.5}]")]
    [InlineData("Denoising strength: 0.5, Hires upscale: 2, Hires "
        + "upscaler: 4x-Ultra, Hires prompt: pear", "Hires upscaler: 4x-Ultra (lanczos is used)", "Hires prompt: pear")]
    [InlineData("Seed resize from: 32x32", "Seed resize from: 32x32")]
    [InlineData("Flag", "Flag: Flag")]
    public void A_setting_without_a_field_is_reported_by_its_name(string pairs, params string[] named) =>
        Assert.Equal(
            named.Order(StringComparer.Ordinal),
            ImageMetadata.Read($"{A1111}, {pairs}").Ignored.Select(setting => setting.ToString()).Order(StringComparer.Ordinal));

    [Fact]
    public void A_text_without_a_noise_generator_reports_the_noise_field() =>
        Assert.Equal("noise", Assert.Single(ImageMetadata.Read(A1111.Replace(", RNG: CPU", "", StringComparison.Ordinal)).Ignored).Field);

    [Theory]
    [InlineData("Denoising strength: 0.75", "init_image")]
    [InlineData("Denoising strength: 0.75, Mask blur: 4, Inpaint area: Only masked, Masked area padding: 16", "init_image", "mask")]
    [InlineData("Denoising strength: 0.75, Masked content: original", "init_image", "mask")]
    [InlineData("Init image hash: abc", "init_image")]
    [InlineData("ControlNet 0: \"Module: canny, Model: control [abc], Weight: 0.5, Guidance Start: 0.1, Guidance End: 0.9\"", "control_image")]
    public void Settings_of_an_image_made_from_another_report_the_missing_image(string pairs, params string[] fields)
    {
        ImageMetadata settings = ImageMetadata.Read($"{A1111}, {pairs}");
        Assert.Equal(fields, settings.Missing.Select(image => image.Field));
        if (pairs.StartsWith("Denoising", StringComparison.Ordinal))
        {
            Assert.Equal(0.75, (double)settings.Request["strength"]!);
        }
        if (pairs.Contains("padding", StringComparison.Ordinal))
        {
            Assert.Equal(16, (int)settings.Request["padding_mask_crop"]!);
        }
        if (fields.Contains("control_image"))
        {
            Assert.Equal("[0.5]", settings.Request["controlnet_conditioning_scale"]!.ToJsonString());
            Assert.Equal("[0.9]", settings.Request["control_guidance_end"]!.ToJsonString());
        }
    }

    [Theory]
    [InlineData("red apple, flat", false)]
    [InlineData("red (apple)", true)]
    [InlineData("[flat]", true)]
    [InlineData("a AND b", true)]
    [InlineData("ANDROID", false)]
    [InlineData("a BREAK b", true)]
    [InlineData("a\\(b\\)", true)]
    [InlineData("a, :-) b", false)]
    [InlineData("colons: 1", true)]
    public void A_prompt_with_syntax_sets_the_prompt_syntax_field(string prompt, bool isSyntax)
    {
        Assert.Equal(isSyntax ? "a1111" : null, (string?)ImageMetadata.Read(prompt + A1111["apple".Length..]).Request["prompt_syntax"]);
        Assert.Equal(
            prompt.Contains("BREAK", StringComparison.Ordinal)
                ? "chunk"
                : null, (string?)ImageMetadata.Read(prompt + A1111["apple".Length..]).Request["long_prompt"]);
    }

    [Fact]
    public void A_prompt_beyond_the_window_is_read_in_chunks() =>
        Assert.Equal("chunk", (string?)ImageMetadata.Read(new string('a', 76) + A1111["apple".Length..]).Request["long_prompt"]);

    [Theory]
    [InlineData("<lora:tint:0.8>apple <lora:dusk>, flat", "apple , flat", """[{"file": "tint", "weight": 0.8}, {"file": "dusk", "weight": 1}]""")]
    [InlineData("red <lora:tint:0.8>apple", "red apple", """[{"file": "tint", "weight": 0.8}]""")]
    [InlineData("red <lora:tint:0.8> apple", "red  apple", """[{"file": "tint", "weight": 0.8}]""")]
    [InlineData("apple <lora:styles/ink.v2:-1>", "apple", """[{"file": "ink.v2", "weight": -1}]""")]
    [InlineData("apple <lora:ink:te=0.5:unet=0.5>", "apple", """[{"file": "ink", "weight": 0.5}]""")]
    public void LoRA_tags_of_a_prompt_become_the_loras_field(string prompt, string plain, string loras)
    {
        ImageMetadata settings = ImageMetadata.Read(prompt + A1111["apple".Length..]);
        Assert.Equal(plain, (string?)settings.Request["prompt"]);
        AssertSame(JsonNode.Parse(loras), settings.Request["loras"]);
        Assert.Empty(settings.Ignored);
    }

    [Theory]
    [InlineData("apple <hypernet:x:1>", "<hypernet:x:1>")]
    [InlineData("apple <lora:ink:0.5:1>", "<lora:ink:0.5:1>")]
    public void A_prompt_tag_without_a_field_is_reported(string prompt, string named) =>
        Assert.Equal(named, Assert.Single(ImageMetadata.Read(prompt + A1111["apple".Length..]).Ignored).Value);

    [Fact]
    public void Lines_after_the_pairs_and_line_ends_of_Windows_are_read()
    {
        ImageMetadata settings = ImageMetadata.Read(
            "red\r\napple\r\nNegative prompt: dark\r\n" + A1111["apple\n".Length..] + ", \r\nTemplate: a {b|c}\r\nNegative Template: d");
        Assert.Equal("red\napple", (string?)settings.Request["prompt"]);
        Assert.Equal("dark", (string?)settings.Request["negative_prompt"]);
        Assert.Empty(settings.Ignored);
    }

    [Fact]
    public void Settings_of_SwarmUI_are_read()
    {
        ImageMetadata settings = ImageMetadata.Read(
            """
            { "sui_image_params": { "prompt": "a (cat:1.2) [x]", "negativeprompt": "dog", "model": "Official/xl_base_1.0.safetensors",
             "seed": "18446744073709551615", "steps": 20,
              "cfgscale": "7.0", "aspectratio": "1:1", "width": 1024, "height": 768, "automaticvae": true, "images": "4", "sampler": "dpmpp_2m",
               "scheduler": "karras",
              "variationseed": 9, "variationseedstrength": "0.3", "loras": "styles/ink,paper", "loraweights": ["0.5", 1.5], "clipstopatlayer": -2,
               "seamlesstileable": "true",
              "swarm_version": "0.9.3.1" }, "sui_extra_data": { "date": "2025-01-25" } }
            """);
        AssertSame(
            JsonNode.Parse(
                """
                { "prompt": "a (cat:1.2) \\[x\\]", "negative_prompt": "dog", "prompt_syntax": "a1111", "model": "xl_base_1.0",
                 "seeds": [18446744073709551615], "steps": 20,
                  "guidance_scale": 7, "width": 1024, "height": 768, "scheduler": { "_class_name": "dpm++_2m", "use_karras_sigmas": true },
                   "subseed": 9, "subseed_strength": 0.3,
                  "loras": [{ "file": "ink", "weight": 0.5 }, { "file": "paper", "weight": 1.5 }], "clip_skip": 1 }
                """),
            settings.Request);
        Assert.Equal("seamlesstileable: true", Assert.Single(settings.Ignored).ToString());
        Assert.Empty(settings.Missing);
        RequestReader.Read(settings.Request);
    }

    [Theory]
    [InlineData("\"initimagecreativity\": 0.4", """{"strength": 0.4}""", "init_image")]
    [InlineData("\"refinercontrolpercentage\": 0.2, \"refinermethod\": "
        + "\"StepSwap\", \"refinermodel\": \"r/xl_refiner\"",
        """{"denoising_end": 0.8, "refiner": {"model": "xl_refiner", "denoising_start": 0.8, "steps": 20}}""")]
    [InlineData("\"refinercontrolpercentage\": 0.4, \"refinerupscale\": 2, "
        + "\"refinerupscalemethod\": \"latent-bilinear\"", """{"hires": {"scale": 2, "strength": 0.4, "upscaler": "latent", "steps": 20}}""")]
    [InlineData("\"aspectratio\": \"3:4\", \"sidelength\": 1024", """{"width": 896, "height": 1152}""")]
    public void A_second_pass_or_an_initial_image_of_SwarmUI_is_read(string parameters, string expected, params string[] missing)
    {
        ImageMetadata settings = ImageMetadata.Read("{\"sui_image_params\": {\"prompt\": \"a\", \"steps\": 20, " + parameters + "}}");
        Assert.Equal(missing, settings.Missing.Select(image => image.Field));
        Assert.Empty(settings.Ignored);
        foreach ((string field, JsonNode? value) in JsonNode.Parse(expected)!.AsObject())
        {
            AssertSame(value, settings.Request[field]);
        }
    }

    private const string Graph =
        """
        { "3": { "class_type": "KSampler", "inputs": { "seed": 7, "steps": 20, "cfg": 7.5, "sampler_name": "euler_ancestral", "scheduler": "normal",
         "denoise": 1.0,
            "model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0] } },
          "4": { "class_type": "CheckpointLoaderSimple", "inputs": { "ckpt_name": "sd/v1-5.safetensors" } },
          "5": { "class_type": "EmptyLatentImage", "inputs": { "width": 512, "height": 768, "batch_size": 1 } },
          "6": { "class_type": "CLIPTextEncode", "inputs": { "text": ["12", 0], "clip": ["11", 0] } },
          "7": { "class_type": "CLIPTextEncode", "inputs": { "text": "dark", "clip": ["11", 0] } },
          "8": { "class_type": "VAEDecode", "inputs": { "samples": ["3", 0], "vae": ["4", 2] } },
          "9": { "class_type": "SaveImage", "inputs": { "filename_prefix": "x", "images": ["8", 0] } },
          "10": { "class_type": "LoraLoader", "inputs": { "lora_name": "ink.safetensors", "strength_model": 0.5, "strength_clip": 0.5,
           "model": ["13", 0], "clip": ["4", 1] } },
          "11": { "class_type": "CLIPSetLastLayer", "inputs": { "stop_at_clip_layer": -2, "clip": ["10", 1] } },
          "12": { "class_type": "PrimitiveString", "inputs": { "value": "red apple" } },
          "13": { "class_type": "LoraLoaderModelOnly", "inputs": { "lora_name": "paper.safetensors", "strength_model": 1.5, "model": ["4", 0] } } }
        """;

    private const string GraphRequest =
        """
        { "prompt": "red apple", "negative_prompt": "dark", "seeds": [7], "steps": 20, "guidance_scale": 7.5,
         "scheduler": { "_class_name": "euler_a" }, "model": "v1-5",
          "width": 512, "height": 768, "loras": [{ "file": "paper", "weight": 1.5 }, { "file": "ink", "weight": 0.5 }], "clip_skip": 1 }
        """;

    [Fact]
    public void A_graph_of_ComfyUI_gives_the_whole_request()
    {
        ImageMetadata settings = ImageMetadata.Read(Graph);
        AssertSame(JsonNode.Parse(GraphRequest), settings.Request);
        Assert.Empty(settings.Ignored);
        Assert.Empty(settings.Missing);
        RequestReader.Read(settings.Request);
    }

    [Theory]
    // Unknown nodes on the path to the image.
    [InlineData("""{ "13": { "class_type": "FreeU_V2", "inputs": { "b1": 1.3, "model": ["4", 0] } } }""",
        """{ "loras": [{ "file": "ink", "weight": 0.5 }] }""", "node: FreeU_V2")]
    [InlineData(
        """
        { "20": { "class_type": "ImageSharpen", "inputs": { "image": ["8", 0] } }, "9": { "class_type": "SaveImage", "inputs": { "images": ["20",
         0] } } }
        """, "{}", "node: ImageSharpen")]
    [InlineData(
        """
        { "20": { "class_type": "VAELoader", "inputs": { "vae_name": "mse.pt" } }, "8": { "class_type": "VAEDecode", "inputs": { "samples": ["3", 0],
         "vae": ["20", 0] } } }
        """, "{}", "VAE: mse.pt")]
    // Values of a node that have no field.
    [InlineData("""{ "12": { "class_type": "PrimitiveString", "inputs": { "value": "red (embedding:ink:1.2) apple, embedding:mist.pt" } } }""",
        """{ "prompt": "red (:1.2) apple,", "prompt_syntax": "a1111" }""", "prompt: embedding:ink", "prompt: embedding:mist.pt")]
    [InlineData("""{ "5": { "class_type": "EmptyLatentImage", "inputs": { "width": 512, "height": 768, "batch_size": 4 } } }""", "{}",
        "batch_size: 4")]
    [InlineData("""{ "7": { "class_type": "ConditioningZeroOut", "inputs": { "conditioning": ["6", 0] } } }""", """{ "negative_prompt": null }""",
        "node: ConditioningZeroOut (the model's own pass without a prompt is used)")]
    [InlineData(
        """
        { "20": { "class_type": "KSampler", "inputs": { "seed": 1, "latent_image": ["5", 0] } }, "21": { "class_type": "VAEDecode",
         "inputs": { "samples": ["20", 0] } }, "22": { "class_type": "SaveImage", "inputs": { "images": ["21", 0] } } }
        """, "{}", "node: SaveImage 22, which saves the image of another sampler")]
    // A known node, and a node beside the path.
    [InlineData("""{ "13": { "class_type": "RescaleCFG", "inputs": { "multiplier": 0.7, "model": ["4", 0] } } }""",
        """{ "guidance_rescale": 0.7, "loras": [{ "file": "ink", "weight": 0.5 }] }""")]
    [InlineData("""{ "20": { "class_type": "SomethingElse", "inputs": { "model": ["4", 0] } } }""", "{}")]
    public void A_node_on_the_path_to_the_image_is_read_or_reported(string nodes, string expected, params string[] named)
    {
        ImageMetadata settings = ImageMetadata.Read(With(nodes));
        Assert.Equal(named, settings.Ignored.Select(setting => setting.ToString()));
        AssertSame(Over(GraphRequest, expected), settings.Request);
    }

    [Fact]
    public void A_sampler_without_initial_noise_is_reported()
    {
        ImageMetadata settings = ImageMetadata.Read(With(
            """
            { "3": { "class_type": "KSamplerAdvanced", "inputs": { "add_noise": "disable", "noise_seed": 7, "steps": 20, "cfg": 7.5,
             "sampler_name": "euler_ancestral", "scheduler": "normal",
                "start_at_step": 0, "end_at_step": 10000, "model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5",
                 0] } } }
            """));
        Assert.Equal("add_noise: disable", Assert.Single(settings.Ignored).ToString());
    }

    [Theory]
    [InlineData(1024, 1024, true)]
    [InlineData(1024, 1536, false)]
    public void A_crop_before_a_second_pass_is_reported_if_it_changes_the_proportions(int width, int height, bool isNamed)
    {
        ImageMetadata settings = ImageMetadata.Read(With(
            $$"""
            { "8": { "class_type": "VAEDecode", "inputs": { "samples": ["30", 0], "vae": ["4", 2] } },
              "30": { "class_type": "KSampler", "inputs": { "seed": 7, "steps": 10, "cfg": 7.5, "sampler_name": "euler_ancestral",
               "scheduler": "normal", "denoise": 0.5,
                "model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["31", 0] } },
              "31": { "class_type": "LatentUpscale", "inputs": { "upscale_method": "bilinear", "width": {{width}}, "height": {{height}},
               "crop": "center", "samples": ["3", 0] } } }
            """));
        Assert.Equal(isNamed ? ["crop: center"] : [], settings.Ignored.Select(setting => setting.ToString()));
    }

    [Theory]
    [InlineData(
        """
        { "5": { "class_type": "VAEEncode", "inputs": { "pixels": ["20", 0], "vae": ["4", 2] } }, "20": { "class_type": "LoadImage",
         "inputs": { "image": "a.png" } } }
        """, "init_image")]
    [InlineData(
        """
        { "5": { "class_type": "VAEEncodeForInpaint", "inputs": { "pixels": ["20", 0], "mask": ["20", 1] } }, "20": { "class_type": "LoadImage",
         "inputs": { "image": "a.png" } } }
        """, "init_image", "mask")]
    [InlineData(
        """
        { "6": { "class_type": "ControlNetApply", "inputs": { "strength": 0.5, "conditioning": ["7", 0], "control_net": ["20", 0] } },
         "20": { "class_type": "ControlNetLoader", "inputs": { "control_net_name": "canny" } } }
        """, "control_image")]
    public void A_graph_that_starts_from_an_image_reports_the_missing_image(string nodes, params string[] missing) =>
        Assert.Equal(missing, ImageMetadata.Read(With(nodes)).Missing.Select(picture => picture.Field));

    [Fact]
    public void A_second_sampler_on_enlarged_latents_becomes_a_second_pass()
    {
        ImageMetadata settings = ImageMetadata.Read(With(
            """
            { "8": { "class_type": "VAEDecode", "inputs": { "samples": ["30", 0], "vae": ["4", 2] } },
              "30": { "class_type": "KSampler", "inputs": { "seed": 7, "steps": 10, "cfg": 7.5, "sampler_name": "euler_ancestral",
               "scheduler": "normal", "denoise": 0.5,
                "model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["31", 0] } },
              "31": { "class_type": "LatentUpscaleBy", "inputs": { "upscale_method": "bilinear", "scale_by": 1.5, "samples": ["3", 0] } } }
            """));
        AssertSame(Over(GraphRequest, """{ "hires": { "scale": 1.5, "upscaler": "latent", "strength": 0.5, "steps": 20 } }"""), settings.Request);
        Assert.Empty(settings.Ignored);
    }

    [Fact]
    public void A_second_sampler_of_another_model_becomes_a_refiner()
    {
        ImageMetadata settings = ImageMetadata.Read(With(
            """
            { "3": { "class_type": "KSamplerAdvanced", "inputs": { "add_noise": "enable", "noise_seed": 7, "steps": 20, "cfg": 7.5,
             "sampler_name": "euler_ancestral", "scheduler": "normal",
                "start_at_step": 0, "end_at_step": 16, "model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0] } },
              "8": { "class_type": "VAEDecode", "inputs": { "samples": ["30", 0], "vae": ["4", 2] } },
              "30": { "class_type": "KSamplerAdvanced", "inputs": { "add_noise": "disable", "noise_seed": 7, "steps": 20, "cfg": 7.5,
               "sampler_name": "euler_ancestral", "scheduler": "normal",
                "start_at_step": 16, "end_at_step": 10000, "model": ["31", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["3",
                 0] } },
              "31": { "class_type": "CheckpointLoaderSimple", "inputs": { "ckpt_name": "xl_refiner.safetensors" } } }
            """));
        AssertSame(
            Over(
                GraphRequest,
                """{ "denoising_end": 0.8, "refiner": { "model": "xl_refiner", "denoising_start": 0.8, "steps": 20, "guidance_scale": 7.5 } }"""),
            settings.Request);
        Assert.Empty(settings.Ignored);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("no settings")]
    [InlineData("{\"a\": {\"class_type\": \"SaveImage\", \"inputs\": {}}}")]
    [InlineData("{\"a\": {\"class_type\": \"VAEDecode\", \"inputs\": {\"samples\": [\"a\", 0]}}}")]
    [InlineData("{\"a\": {\"class_type\": \"KSampler\", \"inputs\": {\"latent_image\": [\"b\", 0]}}, \"b\": {\"class_type\": \"LatentUpscale\", "
        + "\"inputs\": {\"samples\": [\"b\", 0]}}}")]
    [InlineData("{\"a\": {\"class_type\": \"KSampler\", \"inputs\": {\"model\": [\"b\", 0]}}, \"b\": {\"class_type\": "
        + "\"X\", \"inputs\": {\"model\": [\"b\", 0]}}}")]
    [InlineData("{\"a\": {\"class_type\": \"KSampler\", \"inputs\": {\"seed\": [\"b\", 0]}}, \"b\": {\"class_type\": "
        + "\"X\", \"inputs\": {\"seed\": [\"b\", 0]}}}")]
    [InlineData("{\"a\": {\"class_type\": \"KSampler\", \"inputs\": {\"seed\": \"x\"}}}")]
    [InlineData("{\"a\": {\"class_type\": \"KSampler\", \"inputs\": {\"model\": [\"b\", 0]}}}")]
    [InlineData("{\"sui_image_params\": {\"steps\": \"many\"}}")]
    [InlineData("{\"sui_image_params\": {\"prompt\": \"\\ud800\"}}")]
    [InlineData("{\"sui_image_params\": {\"a\": 1, \"a\": 2}}")]
    [InlineData("a\nSteps: many")]
    [InlineData("a\nSteps: 1, Size: 64")]
    [InlineData("a\nSteps: 1, Version: Brownian 0.1.0, Also: \"{\\\"a\\\":1,\\\"a\\\":2}\"")]
    [InlineData("a\nSteps: 1, Prompts: \"[\\\"\\\\ud800\\\",null]\", Version: Brownian 0.1.0")]
    public void A_damaged_settings_text_is_refused(string text) => Assert.Throws<InvalidDataException>(() => ImageMetadata.Read(text));

    [Fact]
    public void A_settings_text_cut_anywhere_is_read_or_refused()
    {
        const string Text = "a <lora:b:1>\nNegative prompt: c\nSteps: 2, Sampler: \"Euler\", Hashes: {\"a\": [1]}, Seed: 5, ControlNet 0: "
            + "\"Weight: 1, b\", Denoising strength: 0.5, Hires upscale: 2";
        for (int length = 0; length < Text.Length; length++)
        {
            try
            {
                ImageMetadata.Read(Text[..length]);
            }
            catch (InvalidDataException)
            {
                // Refusing it is right too.
            }
        }
    }

    [Theory]
    [InlineData("tiny-sd15", "a1111", 1)]
    [InlineData("tiny-sdxl", "a1111", 0)]
    [InlineData("tiny-flux-dev", null, 1)]
    public void Settings_that_the_model_does_not_support_are_removed_and_reported(string model, string? syntax, int skip)
    {
        ImageMetadata settings = ImageMetadata.Read("(apple)" + A1111["apple".Length..] + ", Clip skip: 2");
        JsonObject request = settings.Request.DeepClone().AsObject();
        IReadOnlyList<IgnoredSetting> untaken = settings.FitTo(request, ModelFamilies.Read(GoldenData.Model(model)));
        Assert.Equal(syntax, (string?)request["prompt_syntax"]);
        Assert.Equal(skip, (int)request["clip_skip"]!);
        Assert.Equal(syntax is null ? ["prompt_syntax: a1111"] : [], untaken.Select(setting => setting.ToString()));

        // The caller's own values stay.
        JsonObject own = request.DeepClone().AsObject();
        (own["prompt_syntax"], own["clip_skip"]) = ("plain", 3);
        Assert.Empty(settings.FitTo(own, ModelFamilies.Read(GoldenData.Model(model))));
        Assert.Equal(("plain", 3), ((string?)own["prompt_syntax"], (int)own["clip_skip"]!));
    }

    [Fact]
    public void Adapter_files_are_written_without_their_folders_and_with_their_hashes()
    {
        ResolvedRequest request = ModelFamilies.Resolve(
            RequestReader.Read(new JsonObject { ["prompt"] = "apple" }),
            ModelFamilies.CardOf(GoldenData.Model("tiny-sd15"), ModelFamilies.Read(GoldenData.Model("tiny-sd15"))));
        string hash = string.Concat(Enumerable.Repeat("0123456789abcdef", 4));
        ResolvedRequest Named(string folder, string ending) => request with
        {
            Adapters = new AdapterReferences
            {
                Loras = [new LoraReference($"{folder}ink{ending}", 0.5, hash) { FileName = "ink.safetensors" }],
                TextualInversions = [new InversionReference($"{folder}easy{ending}", "easy", hash) { FileName = "easy.safetensors" }],
            },
            Controls = [new ControlSettings { Net = new ControlNetReference(folder + "edges", hash), Image = "a", Width = 64, Height = 64 }],
        };
        string text = Infotext.Write(Named("", ""), 7);
        Assert.Contains(
            "Lora hashes: \"ink: 0123456789ab\", TI hashes: \"easy: 0123456789ab\", ControlNet hashes: \"edges: 0123456789ab\"", text,
            StringComparison.Ordinal);
        Assert.Equal(text, Infotext.Write(Named("/home/me/files/", ".safetensors"), 7));
        Assert.Equal(text, Infotext.Write(Named("../", ".safetensors"), 7));
        ImageMetadata back = ImageMetadata.Read(text);
        Assert.Equal("ink.safetensors", (string?)back.Request["loras"]![0]!["file"]);
        Assert.Equal("edges", (string?)back.Request["controlnets"]![0]);
        Assert.Equal(["ink", "easy"], back.AdapterHashes.Select(pair => pair.Key));
        Assert.Equal("0123456789ab", Assert.Single(back.ControlNetHashes).Value);
    }

    private static string With(string nodes) => Over(Graph, nodes).ToJsonString();

    private static JsonObject Over(string json, string fields)
    {
        JsonObject whole = JsonNode.Parse(json)!.AsObject();
        foreach ((string field, JsonNode? value) in JsonNode.Parse(fields)!.AsObject())
        {
            if (value is null)
            {
                whole.Remove(field);
            }
            else
            {
                whole[field] = value.DeepClone();
            }
        }
        return whole;
    }

    /// <summary>Compares independently of the order of fields, and of whether a number was an integer.</summary>
    private static void AssertSame(JsonNode? expected, JsonNode? actual) =>
        Assert.Equal(Sorted(expected)?.ToJsonString(), Sorted(actual)?.ToJsonString());

    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject json =>
            new JsonObject(
                json.Where(field => field.Value is not null).OrderBy(field => field.Key, StringComparer.Ordinal)
                    .Select(field => KeyValuePair.Create(field.Key, Sorted(field.Value)))),
        JsonArray array => new JsonArray([.. array.Select(Sorted)]),
        JsonValue number when number.GetValueKind() == System.Text.Json.JsonValueKind.Number && !ulong.TryParse(number.ToJsonString(), out _) =>
            double.Parse(number.ToJsonString(), CultureInfo.InvariantCulture),
        _ => node?.DeepClone(),
    };
}
