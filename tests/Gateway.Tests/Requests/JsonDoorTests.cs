using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Brownian.Requests;

namespace Brownian.Gateway.Tests.Requests;

/// <summary>Query parameters and bodies of calls in JSON, and the answers that no service gives.</summary>
public sealed class JsonDoorTests : JsonCalls
{
    [Fact]
    public async Task Jobs_are_listed_by_their_labels()
    {
        string fruit = await SubmitAsync("""{"labels": {"album": "fruit", "a.b": "c"}}"""),
        other = await SubmitAsync("""{"labels": {"album": "birds"}}""");

        Assert.Equal([fruit], await IdsAsync("/v1/jobs?labels.album=fruit"));
        Assert.Equal([fruit], await IdsAsync("/v1/jobs?labels.album=fruit&labels.a.b=c"));
        Assert.Equal([other], await IdsAsync("/v1/jobs?labels.album=birds&page_size=10&model=" + Model));
        Assert.Empty(await IdsAsync("/v1/jobs?labels.album=x"));
        Assert.Equal([other, fruit], await IdsAsync("/v1/jobs?pageSize=10"));
        string[] states = ["JOB_STATE_QUEUED", "queued", "running", "done"];
        Assert.Equal([other, fruit], await IdsAsync("/v1/jobs?" + string.Join('&', states.Select(state => "states=" + state))));
        Assert.Empty(await IdsAsync("/v1/jobs?states=failed"));
    }

    [Theory]
    [InlineData("GET", "/v1/jobs?label=x", "label: is not a parameter of this call, which takes page_size")]
    [InlineData("GET", "/v1/jobs?labels=x", "labels: is not a parameter of this call")]
    [InlineData("GET", "/v1/jobs?labels.=x", "labels.: is not a parameter of this call")]
    [InlineData("GET", "/v1/jobs?stat=x&page=2", "stat: is not a parameter of this call")]
    [InlineData("GET", "/v1/jobs?page_size=1&page_size=2", "page_size: is given twice")]
    [InlineData("GET", "/v1/jobs?labels.album=a&labels.album=b", "labels.album: is given twice")]
    [InlineData("GET", "/v1/jobs?states=done&states=finished", "states: \"finished\" is not allowed; allowed: unspecified, submitting, ")]
    [InlineData("GET", "/v1/jobs?page_size=abc", "page_size: \"abc\" is not allowed; allowed: whole numbers")]
    [InlineData("GET", "/v1/models?x", "x: is not a parameter of this call, which takes none")]
    [InlineData("GET", "/v1/artifacts/a?x=1", "x: is not a parameter of this call, which takes none")]
    [InlineData("POST", "/v1/jobs?steps=3", "steps: is not a parameter of this call, which takes its fields in the body")]
    public async Task A_query_parameter_that_no_field_has_is_refused(string method, string path, string says)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (method == "POST")
        {
            request.Content = new StringContent("{}", Encoding.UTF8, "application/json");
        }

        using HttpResponseMessage answer = await Node.Http.SendAsync(request, Stop);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        JsonNode error = (await answer.Content.ReadFromJsonAsync<JsonNode>(Stop))!;
        Assert.StartsWith(says, (string?)error["message"], StringComparison.Ordinal);
        Assert.NotEmpty(error["details"]![0]!["fieldViolations"]!.AsArray());
    }

    [Theory]
    [InlineData("GET", "/v1/nothing", null, HttpStatusCode.NotFound, "there is no call GET /v1/nothing at this port; calls begin with /v1/")]
    [InlineData("GET", "/v1/workers", null, HttpStatusCode.NotFound, "there is no call GET /v1/workers at this port")]
    [InlineData("PUT", "/v1/jobs", null, HttpStatusCode.MethodNotAllowed, "/v1/jobs has no method PUT; allowed: GET, POST")]
    [InlineData("POST", "/v1/models", "application/json", HttpStatusCode.MethodNotAllowed, "/v1/models has no method POST; allowed: GET")]
    [InlineData("DELETE", "/v1/artifacts/a", null, HttpStatusCode.MethodNotAllowed, "/v1/artifacts/a has no method DELETE; allowed: GET, HEAD")]
    // A path of another port is none of this one.
    [InlineData("DELETE", "/v1/workers", null, HttpStatusCode.NotFound, "there is no call DELETE /v1/workers at this port")]
    [InlineData("POST", "/v1/jobs", "application/x-www-form-urlencoded", HttpStatusCode.UnsupportedMediaType,
        "Content-Type: \"application/x-www-form-urlencoded\" is not allowed; allowed: the header Content-Type: application/json")]
    [InlineData("POST", "/v1/jobs", null, HttpStatusCode.UnsupportedMediaType, "Content-Type: null is not allowed")]
    [InlineData("POST", "/v1/jobs/x/cancel", null, HttpStatusCode.NotFound, "there is no job x")]
    public async Task A_call_that_does_not_exist_or_has_another_content_is_explained(
        string method, string path, string? type, HttpStatusCode status, string says)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (type is not null)
        {
            request.Content = new StringContent("prompt=x", new System.Net.Http.Headers.MediaTypeHeaderValue(type));
        }

        using HttpResponseMessage answer = await Node.Http.SendAsync(request, Stop);

        Assert.Equal(status, answer.StatusCode);
        Assert.Equal(status == HttpStatusCode.MethodNotAllowed, answer.Content.Headers.Allow.Count > 0);
        Assert.StartsWith(
            says, (string?)(await answer.Content.ReadFromJsonAsync<JsonNode>(Stop))!["message"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_schema_of_requests_is_served()
    {
        using HttpResponseMessage answer = await Node.Http.GetAsync("/v1/request.schema.json", Stop);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("application/schema+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal(RequestSchema.ToJsonSchemaText(), await answer.Content.ReadAsStringAsync(Stop));
    }

    [Fact]
    public async Task Fields_of_another_type_out_of_range_or_unknown_are_refused_together()
    {
        using HttpResponseMessage answer = await Node.Http.PostAsync(
            "/v1/jobs", new StringContent("""{"prompt": 7, "steps": 0, "labels": {"a": 1}, "nonsense": 1}""", Encoding.UTF8, "application/json"),
            Stop);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        JsonNode error = (await answer.Content.ReadFromJsonAsync<JsonNode>(Stop))!;
        Assert.Equal(
            ["labels.a", "nonsense", "prompt", "steps"],
            error["details"]![0]!["fieldViolations"]!.AsArray().Select(fault => (string)fault!["field"]!).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("""{"prompt": "x", "guidanceScale": 5, "steps": "a"}""", "steps")]
    [InlineData("""{"prompt": "x", "models": ["MODEL"], "steps": "a"}""", "steps")]
    [InlineData("""{"prompt": "x", "timesteps_name": "fast27", "width": "a"}""", "width")]
    [InlineData("""{"prompt": "x", "loras": [5]}""", "loras[0]")]
    [InlineData("""{"prompt": "x", "loras": [{"name": "nope", "weight": "1"}]}""", "loras[0].name", "loras[0].file", "loras[0].weight")]
    [InlineData("""{"prompt": "x", "priority": "urgent", "steps": "a"}""", "priority", "steps")]
    [InlineData("""{"prompt": "x", "labels": {"a": 1}, "priority": "urgent"}""", "labels.a", "priority")]
    [InlineData("""{"prompt": "x", "deadline": "2001-01-01T00:00:00Z", "steps": "a"}""", "deadline", "steps")]
    [InlineData("""{"prompt": "x", "control_image": 5}""", "control_image")]
    public async Task A_value_of_a_wrong_type_neither_invents_nor_doubles_nor_hides_faults(string body, params string[] fields)
    {
        using HttpResponseMessage answer = await Node.Http.PostAsync(
            "/v1/jobs", new StringContent(body.Replace("MODEL", Model, StringComparison.Ordinal), Encoding.UTF8, "application/json"), Stop);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        JsonNode error = (await answer.Content.ReadFromJsonAsync<JsonNode>(Stop))!;
        Assert.Equal(
            fields.Order(StringComparer.Ordinal),
            error["details"]![0]!["fieldViolations"]!.AsArray().Select(fault => (string)fault!["field"]!).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_missing_artifact_is_named_in_the_refusal()
    {
        using HttpResponseMessage answer = await Node.Http.GetAsync("/v1/artifacts/0123456789abcdef0123456789abcdef-0", Stop);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        JsonNode error = (await answer.Content.ReadFromJsonAsync<JsonNode>(Stop))!;
        Assert.Equal((5, "there is no artifact 0123456789abcdef0123456789abcdef-0"), ((int)error["code"]!, (string?)error["message"]));
    }

    [Fact]
    public async Task A_jobs_request_with_64_bit_seeds_can_be_submitted_again_unchanged()
    {
        string id =
            await SubmitAsync("""{"seeds": ["18446744073709551615", 9007199254740993, 7], "subseed": "9007199254740993", "subseed_strength": 0.5}""");
        JsonNode request = (await JobAsync(id))["request"]!;
        Assert.Equal(["18446744073709551615", "9007199254740993", "7"], request["seeds"]!.AsArray().Select(seed => seed!.ToString()));
        Assert.Equal("9007199254740993", request["subseed"]!.ToString());

        using HttpResponseMessage again =
            await Node.Http.PostAsync("/v1/jobs", new StringContent(request.ToJsonString(), Encoding.UTF8, "application/json"), Stop);

        Assert.True(again.IsSuccessStatusCode, await again.Content.ReadAsStringAsync(Stop));
        string second = (string)(await again.Content.ReadFromJsonAsync<JsonNode>(Stop))!["id"]!;
        Assert.True(JsonNode.DeepEquals(request, (await JobAsync(second))["request"]));
    }

    [Theory]
    [InlineData("utf-8", HttpStatusCode.OK, "")]
    [InlineData("utf-16", HttpStatusCode.BadRequest, "request: is UTF-16 text; allowed: UTF-8")]
    [InlineData("latin1", HttpStatusCode.BadRequest, "request: is not valid UTF-8: the byte 0xE9 in line 1, position 16")]
    public async Task A_body_in_utf8_may_have_a_byte_order_mark_and_other_encodings_are_named(string encoding, HttpStatusCode status, string says)
    {
        var text = Encoding.GetEncoding(encoding);
        byte[] body =
        [
            .. text.GetPreamble(),
            .. text.GetBytes($$"""{"prompt": "caf{{'\u00E9'}} a", "model": "{{Model}}", "width": 32, "height": 32, "steps": 2}""")
        ];
        using var content = new ByteArrayContent(body) { Headers = { { "Content-Type", "application/json" } } };

        using HttpResponseMessage answer = await Node.Http.PostAsync("/v1/jobs", content, Stop);

        Assert.Equal(status, answer.StatusCode);
        if (says.Length > 0)
        {
            Assert.StartsWith(says, (string?)(await answer.Content.ReadFromJsonAsync<JsonNode>(Stop))!["message"], StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("/v1/uploads", "utf-16", """{"data": "AAAA", "last": true}""", "request: is UTF-16 text; allowed: UTF-8")]
    [InlineData("/v1/uploads", "utf-8", """{"data": "AAAA", "lasst": true, "b": 1}""",
        "lasst: is not a field of this call (did you mean last?); known: ")]
    [InlineData("/v1/uploads", "utf-8", "[1]", "request: is a JSON array; allowed: an object")]
    [InlineData("/v1/uploads", "utf-8", """{"data": """, "request: is not valid JSON: line 1, position ")]
    [InlineData("/v1/jobs", "utf-8", """{"prompt": "a", "cfg_scale": 7}""",
        "cfg_scale: is not a field of a request (did you mean guidance_scale?); ")]
    [InlineData("/v1/jobs", "utf-8", """{"prompt": "a", "stepz": 7}""", "stepz: is not a field of a request (did you mean steps?); ")]
    [InlineData("/v1/jobs/a/cancel", "utf-8", """{"why": 1}""", "why: is not a field of this call; known: id")]
    public async Task An_invalid_body_is_refused_in_the_same_way_by_every_call(string path, string encoding, string body, string says)
    {
        var text = Encoding.GetEncoding(encoding);
        using var content =
            new ByteArrayContent([.. text.GetPreamble(), .. text.GetBytes(body)]) { Headers = { { "Content-Type", "application/json" } } };

        using HttpResponseMessage answer = await Node.Http.PostAsync(path, content, Stop);

        string message = (string)(await answer.Content.ReadFromJsonAsync<JsonNode>(Stop))!["message"]!;
        Assert.StartsWith(says, message, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task A_value_that_is_not_allowed_is_quoted_unchanged()
    {
        using HttpResponseMessage answer = await Node.Http.PostAsync(
            "/v1/jobs",
            new StringContent($$"""{"prompt": "a", "model": "{{Model}}", "steps": "caf\u00E9 +1 <b>"}""", Encoding.UTF8, "application/json"), Stop);

        Assert.StartsWith(
            "steps: \"caf\u00E9 +1 <b>\" is not allowed", (string?)(await answer.Content.ReadFromJsonAsync<JsonNode>(Stop))!["message"],
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Latents_with_NaN_are_refused()
    {
        byte[] header = Encoding.ASCII.GetBytes("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 4, 1, 1), }\n");
        byte[] file =
            [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. header, .. new[] { 1, 2, float.NaN, 4 }.SelectMany(BitConverter.GetBytes)];

        using HttpResponseMessage answer = await Node.Http.PostAsJsonAsync(
            "/v1/jobs", new { prompt = "a", model = Model, init_latents = "data:application/octet-stream;base64," + Convert.ToBase64String(file) },
            Stop);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(
            "init_latents: contains infinities or NaN", (string?)(await answer.Content.ReadFromJsonAsync<JsonNode>(Stop))!["message"],
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Times_in_refusals_are_written_in_UTC()
    {
        using HttpResponseMessage answer = await Node.Http.PostAsync(
            "/v1/jobs",
            new StringContent(
                $$"""{"prompt": "a", "model": "{{Model}}", "deadline": "2020-01-31T12:00:00.5+02:00"}""", Encoding.UTF8, "application/json"),
            Stop);

        string message = (string)(await answer.Content.ReadFromJsonAsync<JsonNode>(Stop))!["message"]!;
        Assert.Matches(
            @"^deadline: 2020-01-31T10:00:00\.5Z is not allowed; allowed: a time after now, \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$", message);
    }

    private async Task<string> SubmitAsync(string fields)
    {
        JsonObject request = JsonNode.Parse(fields)!.AsObject();
        foreach ((string name, JsonNode value) in ((string, JsonNode)[])[("prompt", "a b"), ("model", Model), ("width", 32), ("height", 32),
            ("steps", 2)])
        {
            request[name] = value;
        }
        using HttpResponseMessage answer =
            await Node.Http.PostAsync("/v1/jobs", new StringContent(request.ToJsonString(), Encoding.UTF8, "application/json"), Stop);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Stop));
        return (string)(await answer.Content.ReadFromJsonAsync<JsonNode>(Stop))!["id"]!;
    }

    private async Task<JsonNode> JobAsync(string id) => (await Node.Http.GetFromJsonAsync<JsonNode>("/v1/jobs/" + id, Stop))!;

    private async Task<string[]> IdsAsync(string path) =>
        [.. ((await Node.Http.GetFromJsonAsync<JsonNode>(path, Stop))!["jobs"]?.AsArray() ?? []).Select(job => (string)job!["id"]!)];
}
