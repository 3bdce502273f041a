using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Brownian.Formats.Images;
using Brownian.Gateway.Tests.Requests;
using Brownian.Hosting;
using Brownian.V1;

namespace Brownian.Gateway.Tests.OpenAi;

/// <summary>OpenAI's Images API: what its fields mean, its errors, and calls that are repeated.</summary>
public sealed class OpenAiTests : JsonCalls
{
    private const string Generations = "/openai/v1/images/generations", Edits = "/v1/images/edits", Variations = "/openai/v1/images/variations";

    private const string Retries = "x-stainless-retry-count", ShouldRetry = "x-should-retry", RequestId = "x-request-id";

    [Theory]
    [InlineData("prompt", "prompt: is missing", """{"n": 1}""")]
    [InlineData("n", "n: 11 is not allowed; allowed: 1..10; quality: \"best\" is not allowed; allowed: low, medium, high, standard, hd, auto",
        """{"prompt": "a", "n": 11, "quality": "best"}""")]
    [InlineData("size", "size: \"large\" is not allowed; allowed: auto, or a width and a height in pixels", """{"prompt": "a", "size": "large"}""")]
    [InlineData("size", "size: 7 is not allowed; allowed: ", """{"prompt": "a", "size": "7x32"}""")]
    [InlineData("size", "size: cannot be given with width", """{"prompt": "a", "size": "32x32", "width": 32}""")]
    [InlineData("background", "background: \"transparent\" is not allowed; allowed: opaque, auto",
        """{"prompt": "a", "background": "transparent"}""")]
    [InlineData("style", "style: \"vivid\" is not allowed", """{"prompt": "a", "style": "vivid"}""")]
    [InlineData("output_compression", "output_compression: 50 is not allowed; allowed: 100, or output_format jpeg or webp",
        """{"prompt": "a", "output_compression": 50}""")]
    [InlineData("partial_images", "partial_images: needs stream", """{"prompt": "a", "partial_images": 1}""")]
    [InlineData("quality", "quality: sets the steps", """{"prompt": "a", "quality": "low", "steps": 3}""")]
    [InlineData("stepz", "stepz: is not a field of a request (did you mean steps?)", """{"prompt": "a", "stepz": 3}""")]
    [InlineData("direct", "direct: is only for Generate", """{"prompt": "a", "direct": true}""")]
    [InlineData("request", "request: is not valid JSON", "{")]
    public async Task A_field_that_is_not_followed_is_refused_with_its_own_name(string param, string says, string body)
    {
        using HttpResponseMessage answer = await PostAsync(Generations, body);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        JsonNode error = await ErrorAsync(answer);
        Assert.StartsWith(says, (string?)error["message"], StringComparison.Ordinal);
        Assert.Equal(("invalid_request_error", param), ((string?)error["type"], (string?)error["param"]));
        Assert.NotEmpty(answer.Headers.GetValues(RequestId));
    }

    [Fact]
    public async Task Fields_become_those_of_a_request()
    {
        using HttpResponseMessage answer = await PostAsync(Generations, $$$"""
            {"model": "{{{Model}}}", "prompt": "ab a", "n": 2, "size": "32x48", "quality": "low", "output_format": "jpeg", "output_compression": 0,
             "user": "someone", "moderation": "low", "background": "auto", "seed": 5, "negative_prompt": "b", "guidance_scale": 3,
             "labels": {"a": "b"}}
            """);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Stop));
        JsonNode images = (await answer.Content.ReadFromJsonAsync<JsonNode>(Stop))!;
        Assert.Equal(
            ("32x48", "jpeg", "low", "opaque"),
            ((string?)images["size"], (string?)images["output_format"], (string?)images["quality"], (string?)images["background"]));
        Assert.All(images["data"]!.AsArray(), image => Assert.Equal(
            "image/jpeg", ImageFormats.MediaTypeOf(Convert.FromBase64String((string)image!["b64_json"]!))));

        Job job = await JobAsync(Node, answer);
        Assert.Equal(("someone", "b"), (job.Labels["user"], job.Labels["a"]));
        Assert.Equal(
            (5.0, 6.0, 32.0, 48.0, "b", 3.0, 1.0, 25.0),
            (Number("seeds", 0), Number("seeds", 1), Number("width"), Number("height"), job.Request.Fields["negative_prompt"].StringValue,
                Number("guidance_scale"), job.Request.Fields["output"].StructValue.Fields["quality"].NumberValue, Number("steps")));

        double Number(string field, int? index = null) => index is { } at
            ? job.Request.Fields[field].ListValue.Values[at].NumberValue : job.Request.Fields[field].NumberValue;
    }

    [Fact]
    public async Task Links_are_sent_where_OpenAI_sends_them_and_need_no_key()
    {
        using HttpResponseMessage answer = await PostAsync(Generations, """{"model": "dall-e-2", "prompt": "a", "steps": 2, "size": "32x32"}""");
        string url = (string)(await answer.Content.ReadFromJsonAsync<JsonNode>(Stop))!["data"]![0]!["url"]!;
        Assert.StartsWith(Node.Http.BaseAddress + "v1/signed/", url, StringComparison.Ordinal);
        Assert.Equal("image/png", ImageFormats.MediaTypeOf(await Node.Http.GetByteArrayAsync(url, Stop)));

        using var proxied = new HttpRequestMessage(HttpMethod.Post, Generations)
        {
            Content = Json("""{"model": "dall-e-2", "prompt": "a", "steps": 2}"""),
        };
        proxied.Headers.Add("X-Forwarded-Host", "evil.example.org");
        using HttpResponseMessage other = await Node.Http.SendAsync(proxied, Stop);
        string named = (string)(await other.Content.ReadFromJsonAsync<JsonNode>(Stop))!["data"]![0]!["url"]!;
        // The header is a proxy's only where the proxy is trusted.
        Assert.StartsWith(Node.Http.BaseAddress!.ToString(), named, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stream_sends_unfinished_images_and_then_each_image()
    {
        using HttpResponseMessage answer = await PostAsync(Generations, $$"""
            {"model": "{{Model}}", "prompt": "a", "steps": 4, "size": "32x32", "stream": true, "partial_images": 1, "n": 2, "seed": 3}
            """);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        string[] events = (await answer.Content.ReadAsStringAsync(Stop)).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        JsonNode[] data = [.. events.Select(text => JsonNode.Parse(text.Split("\ndata: ")[1])!)];
        Assert.All(events.Zip(data), pair => Assert.StartsWith($"event: {(string?)pair.Second["type"]}\n", pair.First, StringComparison.Ordinal));
        JsonNode[] completed = [.. data.Where(made => (string?)made["type"] == "image_generation.completed")];
        Assert.Equal(2, completed.Length);
        Assert.All(completed, made => Assert.Equal("32x32", (string?)made["size"]));
        Assert.All(
            data.Except(completed),
            made => Assert.Equal(("image_generation.partial_image", 0), ((string?)made["type"], (int)made["partial_image_index"]!)));
    }

    [Fact]
    public async Task An_edit_replaces_the_transparent_area_of_a_mask_or_of_the_image_itself()
    {
        const string Editor = "tiny-sd15";
        await using Node node = await Node.StartAsync(
            Node.Everything, ServiceRole.Gateway, "ModelFolders:0=" + OpenAiNode.TinyModels, "Models:0=" + Editor, "Ephemeral=true");
        byte[] image = Stubs.Png(64), mask = OpenAiSdkTests.Mask(64);
        using var form = new MultipartFormDataContent
        {
            { new ByteArrayContent(image), "image", "image.png" },
            { new ByteArrayContent(mask), "mask", "mask.png" },
            { new StringContent("ab"), "prompt" },
            { new StringContent(Editor), "model" },
            { new StringContent("7"), "seed" },
            { new StringContent("4"), "steps" },
            { new StringContent("b64_json"), "response_format" },
        };
        using HttpResponseMessage answer = await node.Http.PostAsync(Edits, form, Stop);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Stop));
        Job job = await JobAsync(node, answer);
        Assert.Equal("inpaint", job.Request.Fields["task"].StringValue);

        // The image's own transparent area is edited where there is no mask; one without any is edited as a whole.
        Assert.Equal("inpaint", await TaskOfAsync(mask));
        Assert.Equal("image-to-image", await TaskOfAsync(image));

        using HttpResponseMessage opaque = await node.Http.PostAsync(
            Edits,
            Json($$"""{"model": "{{Editor}}", "prompt": "a", "image": "{{Stubs.DataUrl(image)}}", "mask": "{{Stubs.DataUrl(image)}}"}"""),
            Stop);
        JsonNode error = await ErrorAsync(opaque);
        Assert.Equal(
            ("mask", "mask: has no transparent area; that area is the one that is edited"),
            ((string?)error["param"], (string?)error["message"]));

        async Task<string> TaskOfAsync(byte[] file)
        {
            using HttpResponseMessage edited = await node.Http.PostAsync(
                Edits, Json($$"""{"model": "{{Editor}}", "prompt": "a", "steps": 2, "image": "{{Stubs.DataUrl(file)}}"}"""), Stop);
            Assert.True(edited.IsSuccessStatusCode, await edited.Content.ReadAsStringAsync(Stop));
            return (await JobAsync(node, edited)).Request.Fields["task"].StringValue;
        }
    }

    [Fact]
    public async Task A_variation_needs_a_model_that_makes_them()
    {
        using var form = new MultipartFormDataContent
        {
            { new ByteArrayContent(Stubs.Png(32)), "image", "image.png" }, { new StringContent(Model), "model" },
        };
        using HttpResponseMessage answer = await Node.Http.PostAsync(Variations, form, Stop);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.StartsWith("task: \"variation\" is not allowed", (string?)(await ErrorAsync(answer))["message"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_call_that_an_SDK_repeats_finds_the_job_of_the_first_one()
    {
        string body = $$"""{"model": "{{Model}}", "prompt": "ab {{Guid.NewGuid()}}", "steps": 2, "size": "32x32"}""";
        using HttpResponseMessage first = await PostAsync(Generations, body, (Retries, "0"));
        using HttpResponseMessage repeated = await PostAsync(Generations, body, (Retries, "1"));
        using HttpResponseMessage another = await PostAsync(Generations, body, (Retries, "0"));
        string[] jobs = [.. ((HttpResponseMessage[])[first, repeated, another]).Select(answer => answer.Headers.GetValues(RequestId).Single())];
        Assert.Equal(jobs[0], jobs[1]);
        Assert.NotEqual(jobs[0], jobs[2]);
        Assert.Equal(await first.Content.ReadAsStringAsync(Stop), await repeated.Content.ReadAsStringAsync(Stop));

        const string Key = "Idempotency-Key";
        string own = Guid.NewGuid().ToString("n");
        using HttpResponseMessage keyed = await PostAsync(Generations, body, (Key, own));
        using HttpResponseMessage again = await PostAsync(Generations, body, (Key, own));
        Assert.Equal(keyed.Headers.GetValues(RequestId), again.Headers.GetValues(RequestId));
        using HttpResponseMessage conflict = await PostAsync(Generations, """{"prompt": "b"}""", (Key, own));
        Assert.Equal((HttpStatusCode.Conflict, "false"), (conflict.StatusCode, conflict.Headers.GetValues(ShouldRetry).Single()));
        Assert.Equal("idempotency_conflict", (string?)(await ErrorAsync(conflict))["code"]);
    }

    [Fact]
    public async Task Models_are_listed_for_both_kinds_of_clients()
    {
        JsonNode both = (await Node.Http.GetFromJsonAsync<JsonNode>("/v1/models", Stop))!;
        Assert.Equal(Model, (string?)both["models"]![0]!["name"]);
        Assert.Equal(("list", Model), ((string?)both["object"], (string?)both["data"]![0]!["id"]));
        JsonNode own = (await Node.Http.GetFromJsonAsync<JsonNode>("/openai/v1/models", Stop))!;
        Assert.Equal(both["data"]!.ToJsonString(), own["data"]!.ToJsonString());
        Assert.Equal("model", (string?)(await Node.Http.GetFromJsonAsync<JsonNode>("/openai/v1/models/" + Model, Stop))!["object"]);
        using HttpResponseMessage missing = await Node.Http.GetAsync("/openai/v1/models/nothing", Stop);
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
        Assert.Equal("model_not_found", (string?)(await ErrorAsync(missing))["code"]);
    }

    [Theory]
    [InlineData("GET", Generations, HttpStatusCode.NotFound)]
    [InlineData("POST", "/openai/v1/chat/completions", HttpStatusCode.NotFound)]
    public async Task A_call_that_does_not_exist_has_OpenAIs_error(string method, string path, HttpStatusCode status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using HttpResponseMessage answer = await Node.Http.SendAsync(request, Stop);
        Assert.Equal(status, answer.StatusCode);
        Assert.StartsWith($"there is no call {method} {path}", (string?)(await ErrorAsync(answer))["message"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_form_is_refused_where_there_are_no_files()
    {
        using var form = new MultipartFormDataContent { { new StringContent("a"), "prompt" } };
        using HttpResponseMessage answer = await Node.Http.PostAsync(Generations, form, Stop);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
        Assert.Equal("unsupported_media_type", (string?)(await ErrorAsync(answer))["code"]);
    }

    [Fact]
    public async Task Credentials_are_asked_for_in_OpenAIs_form()
    {
        using var stubs = new Stubs();
        string model = stubs.Add();
        await using Node node = await Node.StartAsync(
            Node.Everything, ServiceRole.Gateway, [.. stubs.Settings(model), .. Node.Secured, "Ephemeral=true"]);
        using var stranger = new HttpClient { BaseAddress = node.Http.BaseAddress };
        stranger.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "sk-unknown");
        using HttpResponseMessage refused = await stranger.PostAsync(Generations, Json("""{"prompt": "a"}"""), Stop);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Equal("invalid_api_key", (string?)(await ErrorAsync(refused))["code"]);
        using HttpResponseMessage made = await node.Http.PostAsync(Generations, Json("""{"prompt": "a", "steps": 2, "size": "32x32"}"""), Stop);
        Assert.Equal(HttpStatusCode.OK, made.StatusCode);
    }

    private static async Task<Job> JobAsync(Node node, HttpResponseMessage answer) =>
        await node.Client.Generation.GetAsync(new GetJobRequest { Id = answer.Headers.GetValues(RequestId).Single() }, cancellationToken: Stop);

    private static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    private static async Task<JsonNode> ErrorAsync(HttpResponseMessage answer) => (await answer.Content.ReadFromJsonAsync<JsonNode>(Stop))!["error"]!;

    private async Task<HttpResponseMessage> PostAsync(string path, string body, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = Json(body) };
        foreach ((string name, string value) in headers)
        {
            request.Headers.Add(name, value);
        }
        return await Node.Http.SendAsync(request, Stop);
    }
}
