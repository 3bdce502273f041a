using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Brownian.Imaging;
using Brownian.Models.Metadata;
using Brownian.V1;

namespace Brownian.Gateway.Tests.A1111;

/// <summary>AUTOMATIC1111's API: an unmodified client of it, and what its fields mean.</summary>
public sealed class A1111Tests(A1111Node served) : IClassFixture<A1111Node>
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private HttpClient Http => served.Node.Http;

    [Fact]
    public async Task A_client_of_the_other_program_works_unmodified()
    {
        (int exitCode, string output, string error) =
            await served.RunAsync("node", "images.mjs", Http.BaseAddress!.ToString().TrimEnd('/'), Node.ApiKey, A1111Node.Editor, served.Upscaler);
        Assert.True(exitCode == 0, error + output);
        JsonNode report = JsonNode.Parse(output)!;

        Assert.Equal([served.Model, A1111Node.Editor], report["models"]!.AsArray().Select(name => (string?)name));
        Assert.Equal(served.Model, (string?)report["current"]);
        Assert.Contains("Euler a", report["samplers"]!.AsArray().Select(name => (string?)name));
        Assert.Equal(["None", served.Upscaler], report["upscalers"]!.AsArray().Select(name => (string?)name));
        Assert.Equal(0, (double)report["progress"]!["progress"]!);
        var request = new GenerateRequest
        {
            Model = served.Model,
            Prompt = "(ab:1.2) a",
            NegativePrompt = "b",
            PromptSyntax = "a1111",
            Steps = 4,
            Width = 32,
            Height = 32,
            GuidanceScale = 3,
            Scheduler = new Google.Protobuf.WellKnownTypes.Struct(),
        };
        request.Scheduler.Fields["_class_name"] = Google.Protobuf.WellKnownTypes.Value.ForString("euler_a");
        request.Seeds.Add([7UL, 8UL]);
        string[] expected = [.. (await served.ExpectedAsync(request)).Select(file => Convert.ToBase64String(Pixels(file)))];
        Assert.Equal(expected, report["made"]!.AsArray().Select(image => Convert.ToBase64String(Pixels(Convert.FromBase64String((string)image!)))));
        JsonNode info = report["info"]!;
        Assert.Equal((7, "Euler a", 3.0, 4), ((int)info["seed"]!, (string?)info["sampler_name"], (double)info["cfg_scale"]!, (int)info["steps"]!));
        Assert.Equal("[7,8]", info["all_seeds"]!.ToJsonString());
        Assert.StartsWith("(ab:1.2) a\nNegative prompt: b\nSteps: 4, Sampler: Euler a", (string?)info["infotexts"]![0], StringComparison.Ordinal);
        Assert.Equal((1, 0.5), ((int)report["changed"]!, (double)report["changedInfo"]!["denoising_strength"]!));
        Assert.Equal("[128,128]", report["larger"]!.ToJsonString());
        Assert.Equal("""[404,"Sampler not found"]""", report["missing"]!.ToJsonString());
    }

    [Theory]
    [InlineData("steps: 0 is not allowed; allowed: 1..1000", """{"prompt": "a", "steps": 0}""")]
    [InlineData("steps: \"many\" is not allowed; allowed: a number", """{"prompt": "a", "steps": "many"}""")]
    [InlineData("batch_size: 65 is not allowed; allowed: 1..64 images, with n_iter", """{"prompt": "a", "batch_size": 13, "n_iter": 5}""")]
    [InlineData("Script 'x/y/z plot' not found", """{"prompt": "a", "script_name": "x/y/z plot"}""")]
    [InlineData("always on script ADetailer not found", """{"prompt": "a", "alwayson_scripts": {"ADetailer": {"args": [true]}}}""")]
    [InlineData("one module for all units, of none, canny",
        """{"prompt": "a", "alwayson_scripts": {"ControlNet": {"args": [{"image": "aGk=", "module": "depth"}]}}}""")]
    public async Task What_is_not_there_is_refused(string says, string body)
    {
        using HttpResponseMessage answer = await PostAsync("txt2img", body);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        JsonNode error = (await answer.Content.ReadFromJsonAsync<JsonNode>(Stop))!;
        Assert.Contains(says, (string?)error["detail"], StringComparison.Ordinal);
        Assert.Equal((string?)error["detail"], (string?)error["errors"]);
    }

    [Fact]
    public async Task What_is_not_followed_is_said()
    {
        JsonNode info = await InfoAsync("txt2img", """
            {"prompt": "a", "steps": 2, "width": 32, "height": 32, "restore_faces": true, "tiling": false, "styles": ["x"],
             "s_churn": 0.5, "s_noise": 1.0,
             "nonsense": 1, "override_settings": {"sd_vae": "other", "eta_noise_seed_delta": 0}, "eta": 1.0}
            """);
        Assert.Equal(
            ["override_settings.sd_vae is not followed", "restore_faces is not followed", "styles is not followed", "s_churn is not followed",
                "nonsense is no field of this call"],
            info["warnings"]!.AsArray().Select(warning => (string?)warning).Where(warning => !warning!.StartsWith("size", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task An_image_and_a_mask_become_an_inpainting_with_the_callers_blur_and_padding()
    {
        string image = Convert.ToBase64String(Stubs.Png(64)), mask = Convert.ToBase64String(Stubs.Png(64, 2));
        JsonNode info = await InfoAsync("img2img", $$$"""
            {"override_settings": {"sd_model_checkpoint": "{{{A1111Node.Editor}}}"},
             "prompt": "a", "steps": 4, "width": 64, "height": 64, "init_images": ["{{{image}}}"],
             "mask": "data:image/png;base64,{{{mask}}}", "seed": 3,
             "inpaint_full_res_padding": 8, "inpainting_fill": 1, "mask_blur": 0, "inpainting_mask_invert": 1, "denoising_strength": 0.75}
            """);
        Job job = await served.Node.Client.Generation.GetAsync(
            new GetJobRequest { Id = (string)info["job"]! }, served.Node.Credentials, cancellationToken: Stop);
        Assert.Equal(
            ("inpaint", 0.75, 8.0),
            (job.Request.Fields["task"].StringValue, job.Request.Fields["strength"].NumberValue,
                job.Request.Fields["padding_mask_crop"].NumberValue));
        Assert.DoesNotContain(info["warnings"]!.AsArray(), warning => ((string)warning!).Contains("inpainting_fill", StringComparison.Ordinal));

        using HttpResponseMessage none = await PostAsync("img2img", """{"prompt": "a"}""");
        Assert.Equal(HttpStatusCode.NotFound, none.StatusCode);
    }

    [Fact]
    public async Task A_second_pass_and_a_variation_seed_have_their_fields()
    {
        JsonNode info = await InfoAsync("txt2img", """
            {"prompt": "a", "steps": 4, "width": 32, "height": 32, "enable_hr": true, "hr_scale": 2, "hr_upscaler": "Latent",
             "denoising_strength": 0.5, "hr_second_pass_steps": 2, "subseed": 5, "subseed_strength": 0.25, "seed": 1}
            """);
        Job job = await served.Node.Client.Generation.GetAsync(
            new GetJobRequest { Id = (string)info["job"]! }, served.Node.Credentials, cancellationToken: Stop);
        Google.Protobuf.WellKnownTypes.Struct hires = job.Request.Fields["hires"].StructValue;
        Assert.Equal(
            (64.0, 4.0, 0.5, "latent"),
            (hires.Fields["width"].NumberValue, hires.Fields["steps"].NumberValue, hires.Fields["strength"].NumberValue,
                hires.Fields["upscaler"].StringValue));
        Assert.Equal((5.0, 0.25), (job.Request.Fields["subseed"].NumberValue, job.Request.Fields["subseed_strength"].NumberValue));
    }

    [Fact]
    public async Task A_task_is_found_by_its_name_and_cancelled_by_it()
    {
        using var stubs = new Stubs();
        string slow = stubs.Add(turns: 20_000);
        await using Node node = await Node.StartAsync(
            Node.Everything, Hosting.ServiceRole.Gateway, [.. stubs.Settings(slow), "Ephemeral=true", "ProgressSeconds=0"]);
        Task<HttpResponseMessage> made = node.Http.PostAsync(
            "/sdapi/v1/txt2img", Json("""{"prompt": "a", "steps": 900, "width": 32, "height": 32, "force_task_id": "task(mine)"}"""), Stop);
        JsonNode progress = null!;
        await Eventually.TrueAsync(
            async () =>
            {
                progress = (await node.Http.GetFromJsonAsync<JsonNode>("/sdapi/v1/progress?id_task=task(mine)", Stop))!;
                Assert.False(made.IsCompleted, made.IsCompleted ? await (await made).Content.ReadAsStringAsync(Stop) : "");
                return (double)progress["progress"]! > 0;
            },
            "the task makes progress");
        Assert.Equal(
            ("task(mine)", 1, 900),
            ((string?)progress["state"]!["job"], (int)progress["state"]!["job_count"]!, (int)progress["state"]!["sampling_steps"]!));
        JsonNode own = await (await node.Http.PostAsync("/internal/progress", Json("""{"id_task": "task(mine)", "live_preview": false}"""), Stop))
            .Content.ReadFromJsonAsync<JsonNode>(Stop) ?? throw new InvalidOperationException();
        Assert.Equal((true, false), ((bool)own["active"]!, (bool)own["completed"]!));

        using HttpResponseMessage other = await node.Http.PostAsync("/sdapi/v1/interrupt?id_task=task(other)", null, Stop);
        Assert.False(made.IsCompleted);
        using HttpResponseMessage interrupted = await node.Http.PostAsync("/sdapi/v1/interrupt?id_task=task(mine)", null, Stop);
        Assert.Equal("{}", await interrupted.Content.ReadAsStringAsync(Stop));
        using HttpResponseMessage answer = await made;
        Assert.Empty((await answer.Content.ReadFromJsonAsync<JsonNode>(Stop))!["images"]!.AsArray());
        Assert.Equal(0, (double)(await node.Http.GetFromJsonAsync<JsonNode>("/sdapi/v1/progress", Stop))!["progress"]!);
    }

    [Fact]
    public async Task Images_are_made_larger_by_a_model_and_by_nothing_else()
    {
        string image = Convert.ToBase64String(Stubs.Png(16));
        using HttpResponseMessage answer = await PostAsync(
            "extra-single-image", $$"""{"image": "{{image}}", "upscaler_1": "{{served.Upscaler}}", "upscaling_resize": 2}""");
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Stop));
        byte[] made = Convert.FromBase64String((string)(await answer.Content.ReadFromJsonAsync<JsonNode>(Stop))!["image"]!);
        Assert.Equal((32, 32), Formats.Images.ImageInspector.Inspect(made));

        using HttpResponseMessage many = await PostAsync("extra-batch-images", $$"""
            {"imageList": [{"data": "{{image}}", "name": "a"}, {"data": "{{image}}", "name": "b"}], "upscaler_1": "{{served.Upscaler}}"}
            """);
        JsonArray images = (await many.Content.ReadFromJsonAsync<JsonNode>(Stop))!["images"]!.AsArray();
        Assert.Equal(2, images.Count);
        Assert.All(images, enlarged => Assert.Equal(made, Convert.FromBase64String((string)enlarged!)));

        using HttpResponseMessage refused = await PostAsync(
            "extra-single-image", $$"""{"image": "{{image}}", "upscaler_1": "Lanczos", "gfpgan_visibility": 1, "resize_mode": 1}""");
        string detail = (string)(await refused.Content.ReadFromJsonAsync<JsonNode>(Stop))!["detail"]!;
        Assert.All(
            [
                "upscaler_1: \"Lanczos\" is not allowed; allowed: stub-", "gfpgan_visibility: 1 is not allowed",
                "resize_mode: 1 is not allowed; allowed: 0",
            ],
            part => Assert.Contains(part, detail, StringComparison.Ordinal));
        using HttpResponseMessage other = await PostAsync(
            "extra-single-image", $$"""{"image": "{{image}}", "upscaler_1": "{{served.Upscaler}}", "upscaling_resize": 3}""");
        Assert.Contains(
            "upscaling_resize: 3 is not allowed; allowed: 2, the scale of", await other.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Options_are_the_tenants_own_and_unknown_ones_are_refused()
    {
        using HttpResponseMessage set = await PostAsync(
            "options", $$"""{"sd_model_checkpoint": "{{served.Model}}", "CLIP_stop_at_last_layers": 1, "sd_vae": "Automatic"}""");
        Assert.True(set.IsSuccessStatusCode, await set.Content.ReadAsStringAsync(Stop));
        JsonNode options = (await Http.GetFromJsonAsync<JsonNode>("/sdapi/v1/options", Stop))!;
        Assert.Equal((served.Model, 1), ((string?)options["sd_model_checkpoint"], (int)options["CLIP_stop_at_last_layers"]!));

        using HttpResponseMessage refused =
            await PostAsync("options", """{"sd_model_checkpoint": "nothing", "sd_vae": "other", "live_preview_enable": true}""");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
        string detail = (string)(await refused.Content.ReadFromJsonAsync<JsonNode>(Stop))!["detail"]!;
        Assert.All(
            ["sd_model_checkpoint: \"nothing\" is not allowed", "sd_vae: \"other\" is not allowed", "did you mean live_previews_enable?"],
            part => Assert.Contains(part, detail, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_settings_in_an_image_are_shown()
    {
        using HttpResponseMessage made = await PostAsync("txt2img", """{"prompt": "ab", "steps": 2, "width": 32, "height": 32, "seed": 9}""");
        string image = (string)(await made.Content.ReadFromJsonAsync<JsonNode>(Stop))!["images"]![0]!;
        using HttpResponseMessage answer = await PostAsync("png-info", $$"""{"image": "{{image}}"}""");
        JsonNode told = (await answer.Content.ReadFromJsonAsync<JsonNode>(Stop))!;
        Assert.Equal(ImageMetadata.TextIn(Convert.FromBase64String(image)), (string?)told["info"]);
        Assert.Equal("ab", (string?)told["parameters"]!["prompt"]);
    }

    [Theory]
    [InlineData("samplers")]
    [InlineData("schedulers")]
    [InlineData("sd-vae")]
    [InlineData("loras")]
    [InlineData("latent-upscale-modes")]
    [InlineData("embeddings")]
    [InlineData("cmd-flags")]
    [InlineData("memory")]
    [InlineData("scripts")]
    [InlineData("script-info")]
    [InlineData("prompt-styles")]
    [InlineData("face-restorers")]
    [InlineData("hypernetworks")]
    public async Task What_clients_ask_at_their_start_is_answered(string path)
    {
        using HttpResponseMessage answer = await Http.GetAsync("/sdapi/v1/" + path, Stop);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.NotNull(JsonNode.Parse(await answer.Content.ReadAsStringAsync(Stop)));
        Assert.NotEmpty(answer.Headers.GetValues("X-Process-Time"));
    }

    [Fact]
    public async Task A_key_is_the_password_of_basic_authentication()
    {
        using var stranger = new HttpClient { BaseAddress = Http.BaseAddress };
        using HttpResponseMessage none = await stranger.GetAsync("/sdapi/v1/sd-models", Stop);
        Assert.Equal((HttpStatusCode.Unauthorized, "Basic"), (none.StatusCode, none.Headers.WwwAuthenticate.Single().Scheme));
        Assert.NotNull((await none.Content.ReadFromJsonAsync<JsonNode>(Stop))!["detail"]);
        foreach ((string password, HttpStatusCode status) in
            ((string, HttpStatusCode)[])[(Node.ApiKey, HttpStatusCode.OK), ("wrong", HttpStatusCode.Unauthorized)])
        {
            stranger.DefaultRequestHeaders.Authorization =
                new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes("anyone:" + password)));
            using HttpResponseMessage answer = await stranger.GetAsync("/sdapi/v1/sd-models", Stop);
            Assert.Equal(status, answer.StatusCode);
        }
    }

    private static byte[] Pixels(byte[] file) => ImageReader.Read(file).Pixels;

    private static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    private Task<HttpResponseMessage> PostAsync(string path, string body) => Http.PostAsync("/sdapi/v1/" + path, Json(body), Stop);

    private async Task<JsonNode> InfoAsync(string path, string body)
    {
        using HttpResponseMessage answer = await PostAsync(path, body);
        string text = await answer.Content.ReadAsStringAsync(Stop);
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonNode.Parse((string)JsonNode.Parse(text)!["info"]!)!;
    }
}
