using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tests.Adapters;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Models.Plans;
using Brownian.Requests;
using Brownian.Requests.Schema;

namespace Brownian.Inference.Tests.Families;

/// <summary>
/// Every field of a request changes a plan: a field that is declared and read but that no family uses fails here. Every setting of a denoising run
/// follows from some request.
/// </summary>
public sealed class FieldsInPlansTests(FieldsInPlansTests.Cards cards) : IClassFixture<FieldsInPlansTests.Cards>
{
    private const string OwnSize = ", \"steps\": null, \"width\": null, \"height\": null";
    private const string Image = "\"task\": \"image-to-image\", \"init_image\": \"image\"";
    private const string Inpaint = "\"task\": \"inpaint\", \"init_image\": \"image\", \"mask\": \"mask\"";
    private const string Upscale = "\"model\": \"tiny-x4-upscaler\", \"task\": \"upscale\", \"init_image\": \"image\"" + OwnSize;
    private const string Xl = "\"model\": \"tiny-sdxl\"";
    private const string Karlo = "\"model\": \"tiny-karlo\"" + OwnSize;
    private const string Controlled = "\"model\": \"tiny-sd15-controlnet\", \"control_image\": [\"image\", \"image\"]";
    private const string Cascade =
        "\"model\": [\"tiny-if\", \"tiny-if-sr\"], \"steps\": null, \"width\": null, \"height\": null, \"stage_1\": {\"steps\": 3}";

    /// <summary>
    /// For each field, a request in which its value changes the plan: the fields beside the default ones, the value, and the value without the field
    /// for fields that are required.
    /// </summary>
    private static readonly Dictionary<string, Change> Changes = new()
    {
        ["model"] = new("", "tiny-sd21"),
        ["prompt"] = new("", "a blue dog"),
        ["negative_prompt"] = new("", "a green bird"),
        ["width"] = new("", 96),
        ["height"] = new("", 96),
        ["seeds"] = new("\"seed\": null", new JsonArray(3, 4), new JsonArray(3, 5)),
        ["seed"] = new("", 2),
        ["count"] = new("", 2),
        ["guidance_scale"] = new("", 3),
        ["guidance_rescale"] = new("", 0.5),
        ["eta"] = new("\"scheduler\": \"ddim\"", 0.5),
        ["scheduler"] = new("", "euler"),
        ["noise"] = new("", "torch-cuda"),
        ["noise_dtype"] = new("", "float16"),
        ["output"] = new("", new JsonObject { ["format"] = "webp" }),
        ["output.format"] = new("", "webp"),
        ["output.quality"] = new("", 50),
        ["output.metadata"] = new("", false),
        ["interpolate"] = new("\"prompt\": null", Frames("prompts"), new JsonObject { ["prompts"] = new JsonArray("x", "y"), ["frames"] = 3 }),
        ["interpolate.prompts"] = new("\"prompt\": null, \"interpolate\": {\"frames\": 3}", new JsonArray("a", "b"), new JsonArray("a", "c")),
        ["interpolate.images"] = new(
            "\"model\": \"tiny-karlo-variation\"" + OwnSize + ", \"prompt\": null, \"interpolate\": {\"frames\": 3}",
            new JsonArray("image", "mask"), new JsonArray("image", "other")),
        ["interpolate.frames"] = new("\"prompt\": null, \"interpolate\": {\"prompts\": [\"a\", \"b\"]}", 4, 3),
        ["prompt_2"] = new(Xl, "a blue dog"),
        ["negative_prompt_2"] = new(Xl + ", \"negative_prompt\": \"x\"", "a green bird"),
        ["prompt_3"] = new("\"model\": \"tiny-sd3\"", "a blue dog"),
        ["negative_prompt_3"] = new("\"model\": \"tiny-sd3\"", "a green bird"),
        ["max_sequence_length"] = new("\"model\": \"tiny-sd3\"", 64),
        ["true_cfg_scale"] = new("\"model\": \"tiny-flux-dev\", \"negative_prompt\": \"a green bird\"", 3),
        ["noise_level"] = new(Upscale, 30),
        ["prior_steps"] = new(Karlo, 9),
        ["prior_guidance_scale"] = new(Karlo, 3),
        ["decoder_steps"] = new(Karlo, 9),
        ["decoder_guidance_scale"] = new(Karlo, 3),
        ["super_res_steps"] = new(Karlo, 5),
        ["prompt_syntax"] = new("\"prompt\": \"a [red:blue:0.5] cat\", \"negative_prompt\": \"a [fox:dog:0.5]\"", "a1111"),
        ["long_prompt"] = new("\"prompt\": \"" + LongPrompt + "\"", "chunk"),
        ["clip_skip"] = new(Xl, 1),
        ["init_image"] = new("\"task\": \"image-to-image\"", "image", "other"),
        ["mask"] = new("\"task\": \"inpaint\", \"init_image\": \"image\"", "mask", "other"),
        ["init_latents"] = new("", "latents"),
        ["latents"] = new(
            "\"model\": \"tiny-taesd\", \"task\": \"preview\", \"prompt\": null, \"seed\": null" + OwnSize, "latents", "other-latents"),
        ["strength"] = new(Image, 0.3),
        ["guidance_method"] = new("\"scheduler\": \"ddim\", \"guidance_scale\": 0.5", "cfg++"),
        ["pag_scale"] = new("\"model\": \"perturbed\"", 3),
        ["guidance_interval"] = new("", new JsonArray(0.25, 0.75)),
        ["cfg_zero_star"] = new("", true),
        ["padding_mask_crop"] = new(Inpaint, 8),
        ["image_guidance_scale"] = new("\"model\": \"guided-by-image\", " + Image, 2),
        ["tile"] = new(Upscale, 32),
        ["tile_overlap"] = new(Upscale + ", \"tile\": 32", 4),
        ["denoising_start"] = new(Xl + ", " + Image, 0.5),
        ["denoising_end"] = new(Xl, 0.5),
        ["original_size"] = new(Xl, new JsonArray(32, 48)),
        ["crops_coords_top_left"] = new(Xl, new JsonArray(8, 16)),
        ["target_size"] = new(Xl, new JsonArray(32, 48)),
        ["negative_original_size"] = new(Xl + ", \"negative_target_size\": [64, 64]", new JsonArray(32, 48)),
        ["negative_crops_coords_top_left"] = new(
            Xl + ", \"negative_original_size\": [64, 64], \"negative_target_size\": [64, 64]", new JsonArray(8, 16)),
        ["negative_target_size"] = new(Xl + ", \"negative_original_size\": [64, 64]", new JsonArray(32, 48)),
        ["aesthetic_score"] = new("\"model\": \"tiny-sdxl-refiner\", " + Image, 3),
        ["negative_aesthetic_score"] = new("\"model\": \"tiny-sdxl-refiner\", " + Image, 3),
        ["loras"] = new("", new JsonArray(new JsonObject { ["file"] = "one", ["weight"] = 0.5 })),
        ["textual_inversions"] = new("", new JsonArray(new JsonObject { ["file"] = "one", ["token"] = "<one>" })),
        ["original_inference_steps"] = new("\"model\": \"tiny-lcm\"", 100),
        ["subseed"] = new("\"subseed_strength\": 0.5", 8, 7),
        ["subseed_strength"] = new("\"subseed\": 7", 0.5),
        ["hires"] = new("", new JsonObject { ["scale"] = 2 }),
        ["hires.scale"] = new("", 1.5),
        ["hires.width"] = new("\"hires\": {\"height\": 128}", 96, 128),
        ["hires.height"] = new("\"hires\": {\"width\": 128}", 96, 128),
        ["hires.steps"] = new("\"hires\": {\"scale\": 2}", 7),
        ["hires.strength"] = new("\"hires\": {\"scale\": 2}", 0.3),
        ["hires.upscaler"] = new("\"hires\": {\"scale\": 2}", "lanczos"),
        ["vae_tiling"] = new("", true),
        ["refiner"] = new(Xl, new JsonObject { ["model"] = "tiny-sdxl-refiner" }),
        ["control_image"] = new("\"model\": \"tiny-sd15-controlnet\"", new JsonArray("image", "image")),
        ["controlnets"] = new("\"model\": \"tiny-sd15-controlnet\", \"control_image\": \"image\"", "controlnet_1", "controlnet"),
        ["controlnet_conditioning_scale"] = new(Controlled, 0.5),
        ["control_guidance_start"] = new(Controlled, 0.25),
        ["control_guidance_end"] = new(Controlled, 0.75),
        ["guess_mode"] = new(Controlled, true),
        ["control_preprocess"] = new(Controlled, "canny"),
        ["timesteps"] = new("\"steps\": null, \"scheduler\": \"ddpm\"", new JsonArray(800, 300, 20)),
        ["steps"] = new("", 7),
        ["preview"] = new("", new JsonObject { ["every"] = 2 }),
        ["preview.every"] = new("\"preview\": {\"size\": 32}", 2),
        ["preview.size"] = new("\"preview\": {\"every\": 2}", 32),
        ["stage_1"] = new(Cascade, new JsonObject { ["steps"] = 5 }),
        ["stage_2"] = new(Cascade, new JsonObject { ["steps"] = 5 }),
        ["stage_2_seed_offset"] = new(Cascade, 7),
    };

    /// <summary>The fields that change no plan, with the reason.</summary>
    private static readonly Dictionary<string, string> Without = new()
    {
        ["task"] = "it follows from the images and the model; FamilyFaultTests shows that other tasks are refused",
        ["stop_after"] = "PartialResult.Of cuts the finished plan",
        ["stage_3"] = "as stage_2; there is no model for a third stage here",
        ["stage_3_seed_offset"] = "as stage_2_seed_offset",
    };

    /// <summary>The fields of the request and of a cascade, and those of their objects.</summary>
    public static TheoryData<string> Fields =>
    [
        .. RequestSchema.Request.All.Concat(RequestSchema.Stages.All)
            .SelectMany(declared => (string[])[declared.Name, .. Nested(declared).Select(inner => $"{declared.Name}.{inner.Name}")]),
    ];

    private static string LongPrompt => string.Join(' ', Enumerable.Repeat("cat", 100));

    [Theory]
    [MemberData(nameof(Fields))]
    public void A_field_of_a_request_changes_the_plan(string field)
    {
        if (Without.ContainsKey(field))
        {
            Assert.DoesNotContain(field, Changes.Keys);
            return;
        }
        Assert.True(
            Changes.TryGetValue(field, out Change? change), $"Add a request to {nameof(Changes)} in which {field} changes the plan");

        Assert.True(
            Settings(change.Request(field, change.Other)) != Settings(change.Request(field, change.Value)),
            $"{field} changes no plan: {change.Request(field, change.Value).ToJsonString()}");
    }

    [Fact]
    public void Every_setting_of_a_denoising_run_follows_from_a_request()
    {
        var values = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal);
        foreach ((string field, Change change) in Changes)
        {
            foreach (JsonNode? value in (JsonNode?[])[change.Value, change.Other])
            {
                foreach (PlanStage stage in PlanOf(change.Request(field, value)).Stages.Where(stage => stage.Kind == StageKind.Denoise))
                {
                    var settings = StageSettings.Read<DenoiseSettings>(stage);
                    foreach (System.Reflection.PropertyInfo property in typeof(DenoiseSettings).GetProperties())
                    {
                        values.TryAdd(property.Name, []);
                        values[property.Name].Add(JsonSerializer.Serialize(property.GetValue(settings)));
                    }
                }
            }
        }
        Assert.Empty(values.Where(property => property.Value.Count < 2).Select(property => property.Key));
    }

    [Fact]
    public void Requests_that_differ_only_in_the_text_that_is_written_into_files_have_equal_settings() => Assert.Equal(
        Settings(JsonNode.Parse("{\"prompt\": \"x\", \"seed\": 1}")!.AsObject()),
        Settings(JsonNode.Parse("{\"prompt\": \"x\", \"seed\": 1, \"guidance_rescale\": 0}")!.AsObject()));

    private static IReadOnlyList<RequestField> Nested(RequestField field) =>
        (field.Declared as ObjectFieldAttribute)?.Fields.All ?? [];

    private static JsonObject Frames(string ends) => new() { [ends] = new JsonArray("a", "b"), ["frames"] = 3 };

    /// <summary>The plan as JSON, without the settings that files contain as text.</summary>
    private string Settings(JsonObject request)
    {
        JsonNode plan = JsonSerializer.SerializeToNode(PlanOf(request))!;
        foreach (JsonNode? stage in plan["Stages"]!.AsArray())
        {
            (stage!["Settings"] as JsonObject)?.Remove("parameters");
        }
        return plan.ToJsonString();
    }

    private Plan PlanOf(JsonObject json)
    {
        GenerationRequest request = RequestReader.Read(json);
        ModelCard[] models = [.. request.ModelNames.Select(name => cards.ByName[name ?? "tiny-sd15"])];
        var images = new RequestImages
        {
            InitImage = Of(request.InitImage),
            Mask = Of(request.Mask),
            ControlImages = [.. request.ControlImages.Select(name => Of(name)!)],
            Between = [.. (request.Interpolate?.Images ?? []).Select(name => Of(name)!)],
            InitLatents = Latents(request.InitLatents, models[0]),
            Latents = Latents(request.Latents, models[0]),
        };
        return ModelFamilies.Plan(ModelFamilies.Resolve(request, images, models), models);
    }

    private static RequestImage? Of(string? name) => name is null ? null : new RequestImage(name, 64, 64) { Content = "sha256:" + name };

    private static RequestImage? Latents(string? name, ModelCard model) => name is null
        ? null
        : new RequestImage(name, 64 / model.Facts.Scale!.Value, 64 / model.Facts.Scale!.Value, model.Facts.Channels ?? 4, 1)
        {
            Content = "sha256:" + name
        };

    /// <summary>The cards of the reference's models, with complete facts, and of two models that differ from them only in their facts.</summary>
    public sealed class Cards : IAsyncLifetime
    {
        public Dictionary<string, ModelCard> ByName { get; } = new(StringComparer.Ordinal);

        public async ValueTask InitializeAsync()
        {
            string folder = Path.Combine(AppContext.BaseDirectory, "Data", "models");
            string[] names = [.. Directory.GetDirectories(folder).Select(Path.GetFileName).OfType<string>()];
            using var engines = new LocalEngines([.. names.Select(GoldenData.Model)], new SessionSettings(Threads: 1));
            foreach (string name in names)
            {
                ByName[name] = await engines.DescribeAsync(name, TestContext.Current.CancellationToken);
            }
            ModelCard plain = ByName["tiny-sd15"];
            ByName["perturbed"] = plain with { Name = "perturbed", Facts = plain.Facts with { HasPerturbed = true } };
            ByName["guided-by-image"] =
                plain with { Name = "guided-by-image", Facts = plain.Facts with { InputChannels = 2 * plain.Facts.Channels } };
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    /// <summary>A change of one field.</summary>
    /// <param name="Beside">The other fields of the request, which replace the default ones.</param>
    /// <param name="Value">The field's value.</param>
    /// <param name="Other">The value that is compared with it; null for a request without the field.</param>
    private sealed record Change(string Beside, JsonNode Value, JsonNode? Other = null)
    {
        public JsonObject Request(string field, JsonNode? value)
        {
            JsonObject request = JsonNode.Parse("{\"prompt\": \"a red cat\", \"seed\": 1, \"steps\": 4, \"width\": 64, \"height\": 64}")!.AsObject();
            foreach ((string name, JsonNode? beside) in JsonNode.Parse("{" + Beside + "}")!.AsObject())
            {
                request[name] = beside?.DeepClone();
            }
            string[] path = field.Split('.');
            if (path.Length == 1)
            {
                request[field] = value?.DeepClone() ?? request[field]?.DeepClone();
            }
            else if (value is not null)
            {
                JsonObject block = request[path[0]] as JsonObject ?? [];
                block[path[1]] = value.DeepClone();
                request[path[0]] = block.Parent is null ? block : block.DeepClone();
            }
            return request;
        }
    }
}
