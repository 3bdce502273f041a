using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Text.Json.Nodes;
using Brownian.Gateway.Tests.Requests;

namespace Brownian.Gateway.Tests.Generation;

/// <summary>The events of a job in the way of a browser's EventSource, and the end of a job by DELETE.</summary>
public sealed class JobEventStreamTests : JsonCalls
{
    [Fact]
    public async Task A_stream_begins_with_a_snapshot_and_ends_with_the_job_and_continues_after_the_last_id()
    {
        string id = await SubmitAsync(6, "heun");
        List<SseItem<JsonNode>> all = await ReadAsync(id, null);

        Assert.Equal("snapshot", all[0].EventType);
        Assert.Equal(id, (string?)all[0].Data["snapshot"]!["id"]);
        Assert.Null(all[0].EventId);
        Assert.Equal("done", all[^1].EventType);
        int[] ids = [.. all.Skip(1).Select(item => int.Parse(item.EventId!, CultureInfo.InvariantCulture))];
        Assert.Equal(Enumerable.Range(1, ids.Length), ids);
        // Heun's method evaluates the model twice for all steps but the last; the request asked for six.
        JsonNode last = all.Last(item => item.EventType == "progress" && (string?)item.Data["progress"]!["stage"] == "denoise").Data["progress"]!;
        Assert.Equal((6, 6, 11, 11), ((int)last["step"]!, (int)last["steps"]!, (int)last["evaluation"]!, (int)last["evaluations"]!));

        List<SseItem<JsonNode>> rest = await ReadAsync(id, ids[^3].ToString(CultureInfo.InvariantCulture));
        Assert.Equal(["snapshot", .. all.TakeLast(2).Select(item => item.EventType)], rest.Select(item => item.EventType));
        using HttpResponseMessage ended = await GetAsync($"/v1/jobs/{id}/events", ids[^1].ToString(CultureInfo.InvariantCulture));
        Assert.Equal(HttpStatusCode.NoContent, ended.StatusCode);
    }

    [Theory]
    [InlineData("/v1/jobs/0123456789abcdef0123456789abcdef/events", null, HttpStatusCode.NotFound, "there is no job 0123456789abcdef")]
    [InlineData("/v1/jobs/x/events", null, HttpStatusCode.NotFound, "there is no job x")]
    [InlineData("/v1/jobs/x/events?x=1", null, HttpStatusCode.BadRequest, "x: is not a parameter of this call, which takes after_event")]
    [InlineData("/v1/jobs/x/events?after_event=-1", null, HttpStatusCode.BadRequest, "after_event: \"-1\" is not allowed; allowed: 0..")]
    [InlineData("/v1/jobs/x/events", "y", HttpStatusCode.BadRequest, "Last-Event-ID: \"y\" is not allowed; allowed: 0..")]
    public async Task A_stream_that_cannot_begin_is_refused(string path, string? last, HttpStatusCode status, string says)
    {
        using HttpResponseMessage answer = await GetAsync(path, last);
        Assert.Equal(status, answer.StatusCode);
        JsonNode error = (await answer.Content.ReadFromJsonAsync<JsonNode>(Stop))!;
        Assert.StartsWith(says, (string?)error["message"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task DELETE_cancels_a_job()
    {
        string id = await SubmitAsync(1000, "euler");
        using HttpResponseMessage answer = await Node.Http.DeleteAsync($"/v1/jobs/{id}", Stop);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        JsonNode cancelled = (await answer.Content.ReadFromJsonAsync<JsonNode>(Stop))!;
        Assert.True((bool)cancelled["cancelled"]!);
        Assert.Equal("cancelled", (await ReadAsync(id, null))[^1].EventType);
        using HttpResponseMessage missing = await Node.Http.DeleteAsync("/v1/jobs/x", Stop);
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
    }

    private async Task<string> SubmitAsync(int steps, string scheduler)
    {
        using HttpResponseMessage answer = await Node.Http.PostAsJsonAsync(
            "/v1/jobs", new { prompt = "x", model = Model, seed = 1, steps, scheduler, guidance_scale = 1, width = 64, height = 64 }, Stop);
        JsonNode job = (await answer.Content.ReadFromJsonAsync<JsonNode>(Stop))!;
        Assert.True(answer.IsSuccessStatusCode, job.ToJsonString());
        return (string)job["id"]!;
    }

    private Task<HttpResponseMessage> GetAsync(string path, string? last)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (last is not null)
        {
            request.Headers.Add("Last-Event-ID", last);
        }
        return Node.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Stop);
    }

    private async Task<List<SseItem<JsonNode>>> ReadAsync(string id, string? last)
    {
        using HttpResponseMessage answer = await GetAsync($"/v1/jobs/{id}/events", last);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        using var deadline = new CancellationTokenSource(Eventually.Deadline);
        var items = new List<SseItem<JsonNode>>();
        await foreach (SseItem<JsonNode> item in SseParser.Create(
            await answer.Content.ReadAsStreamAsync(deadline.Token), static (_, data) => JsonNode.Parse(data)!).EnumerateAsync(deadline.Token))
        {
            items.Add(item);
        }
        return items;
    }
}
