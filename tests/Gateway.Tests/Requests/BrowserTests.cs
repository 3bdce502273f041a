using System.Net;
using System.Text;
using Brownian.Hosting;

namespace Brownian.Gateway.Tests.Requests;

/// <summary>Web pages of other origins may call only if their origin is configured, and then may read all headers that they need.</summary>
public sealed class BrowserTests : IDisposable
{
    private const string Page = "https://studio.example.org", Other = "https://other.example.org";

    private readonly Stubs _stubs = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<string> Paths =>
        ["/v1/jobs", "/v1/jobs/0123/cancel", "/v1/models", "/v1/artifacts/0123-0", "/brownian.v1.Generation/Generate",
            "/brownian.v1.Generation/Watch"];

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task A_preflight_of_a_configured_origin_is_allowed_for_every_path(string path)
    {
        await using Node node = await StartAsync($"Origins:0={Page}");

        HttpResponseMessage answer = await PreflightAsync(node, path, Page);

        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Equal([Page], answer.Headers.GetValues("Access-Control-Allow-Origin"));
        Assert.Contains(
            "content-type", string.Join(',', answer.Headers.GetValues("Access-Control-Allow-Headers")), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("x-grpc-web", string.Join(',', answer.Headers.GetValues("Access-Control-Allow-Headers")), StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData(Page, null)]
    [InlineData(Other, Page)]
    [InlineData("http://studio.example.org", Page)]
    [InlineData("https://studio.example.org:8443", Page)]
    [InlineData("null", Page)]
    public async Task A_preflight_of_another_origin_is_answered_and_allows_nothing(string origin, string? named)
    {
        await using Node node = await StartAsync(named is null ? [] : [$"Origins:0={named}"]);

        HttpResponseMessage answer = await PreflightAsync(node, "/v1/jobs", origin);

        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.False(answer.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task The_operators_port_allows_no_origin()
    {
        await using Node node = await StartAsync($"Origins:0={Page}");
        using var preflight = new HttpRequestMessage(HttpMethod.Options, "/v1/workers")
        {
            Headers = { { "Origin", Page }, { "Access-Control-Request-Method", "GET" } },
        };

        using HttpResponseMessage answer = await node.Operators.SendAsync(preflight, Stop);

        Assert.False(answer.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task A_star_as_origin_allows_every_origin()
    {
        await using Node node = await StartAsync("Origins:0=*");

        Assert.Equal(["*"], (await PreflightAsync(node, "/v1/jobs", Other)).Headers.GetValues("Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task A_page_of_a_configured_origin_may_read_the_status_of_gRPC_Web_and_of_json()
    {
        await using Node node = await StartAsync($"Origins:0={Page}");
        using var web = new HttpRequestMessage(HttpMethod.Post, "/brownian.v1.Generation/Get")
        {
            Headers = { { "Origin", Page }, { "X-Grpc-Web", "1" } },
            // A job without an id.
            Content = new ByteArrayContent([0, 0, 0, 0, 0]) { Headers = { { "Content-Type", "application/grpc-web+proto" } } },
        };
        using var json = new HttpRequestMessage(HttpMethod.Post, "/v1/jobs")
        {
            Headers = { { "Origin", Page } },
            Content = new StringContent("""{"steps": -1}""", Encoding.UTF8, "application/json"),
        };

        using HttpResponseMessage status = await node.Http.SendAsync(web, Stop), refused = await node.Http.SendAsync(json, Stop);

        Assert.Equal([Page], status.Headers.GetValues("Access-Control-Allow-Origin"));
        string exposed = string.Join(',', status.Headers.GetValues("Access-Control-Expose-Headers"));
        Assert.All(
            (string[])["grpc-status", "grpc-message", "grpc-status-details-bin"], header =>
                Assert.Contains(header, exposed, StringComparison.OrdinalIgnoreCase));
        Assert.Contains("steps", await refused.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
        Assert.Equal([Page], refused.Headers.GetValues("Access-Control-Allow-Origin"));
    }

    public void Dispose() => _stubs.Dispose();

    private Task<Node> StartAsync(params string[] settings) =>
        Node.StartAsync(Node.Everything, ServiceRole.Gateway, [.. _stubs.Settings(_stubs.Add()), "Ephemeral=true", .. settings]);

    private static async Task<HttpResponseMessage> PreflightAsync(Node node, string path, string origin)
    {
        using var request = new HttpRequestMessage(HttpMethod.Options, path)
        {
            Headers =
            {
                { "Origin", origin }, { "Access-Control-Request-Method", "POST" }, { "Access-Control-Request-Headers", "content-type,x-grpc-web" }
            },
        };
        return await node.Http.SendAsync(request, Stop);
    }
}
