using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Brownian.Hosting;

namespace Brownian.Gateway.Tests.Requests;

/// <summary>A submission in JSON means the same for every spelling of its path and its content type.</summary>
public sealed class JsonBodiesTests : IDisposable
{
    private readonly Stubs _stubs = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("/v1/jobs", "application/json")]
    [InlineData("/v1/jobs/", "application/json")]
    [InlineData("/V1/Jobs/", "application/json")]
    [InlineData("/v1/%6aobs", "application/json")]
    [InlineData("/v1/jobs", "Application/JSON")]
    [InlineData("/v1/jobs", "application/json; charset=utf-8")]
    [InlineData("/v1/jobs/", "application/json;charset=\"UTF-8\"; x=y")]
    [InlineData("/v1/jobs", "application/json; charset=utf-16")]
    [InlineData("/v1/jobs/", "application/json; charset=iso-8859-1")]
    public async Task A_request_in_any_path_and_charset_spelling_is_read_in_the_way_of_request_files(string path, string type)
    {
        string model = _stubs.Add();
        await using Node node = await Node.StartAsync(Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(model), "Ephemeral=true"]);
        var request = new JsonObject
        {
            ["model"] = model,
            ["prompt"] = "ab",
            ["steps"] = 2,
            ["width"] = 32,
            ["height"] = 32,
            ["seeds"] = new JsonArray(1, 2),
        };
        (HttpStatusCode code, string answer) = await PostAsync(node, path, type, request);
        Assert.True(code == HttpStatusCode.OK, answer);

        // Every fault is reported, which only the reader of request files does.
        request["stepps"] = 3;
        request["width"] = "wide";
        (code, answer) = await PostAsync(node, path, type, request);
        Assert.Equal(HttpStatusCode.BadRequest, code);
        Assert.Contains("stepps", answer, StringComparison.Ordinal);
        Assert.Contains("width", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("application/json; charset=nonsense", "content-type")]
    [InlineData("application/json; charset=us-ascii", "is not valid text in us-ascii")]
    public async Task A_body_that_is_not_in_its_charset_is_refused(string type, string says)
    {
        await using Node node = await Node.StartAsync(Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(_stubs.Add()), "Ephemeral=true"]);
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes("{\"prompt\": \"ü\"}"));
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        using HttpResponseMessage answer = await node.Http.PostAsync(new Uri("/v1/jobs", UriKind.Relative), content, Stop);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(says, await answer.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
    }

    public void Dispose() => _stubs.Dispose();

    private static async Task<(HttpStatusCode Code, string Answer)> PostAsync(Node node, string path, string type, JsonObject json)
    {
        var media = MediaTypeHeaderValue.Parse(type);
        Encoding encoding = media.CharSet is { } charset ? Encoding.GetEncoding(charset.Trim('"')) : Encoding.UTF8;
        using var content = new ByteArrayContent(encoding.GetBytes(json.ToJsonString()));
        content.Headers.ContentType = media;
        using HttpResponseMessage answer = await node.Http.PostAsync(new Uri(path, UriKind.Relative), content, Stop);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync(Stop));
    }
}
