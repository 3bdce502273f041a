using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Brownian.Gateway.Tests.Access;
using Brownian.Hosting;
using Microsoft.AspNetCore.Grpc.JsonTranscoding;
using Microsoft.AspNetCore.Routing;

namespace Brownian.Gateway.Tests.OpenApi;

/// <summary>The OpenAPI documents that a gateway serves, and the page that shows them.</summary>
public sealed partial class OpenApiTests(OpenApiNode served) : IClassFixture<OpenApiNode>
{
    private const string Public = "/openapi/v1.json", Operators = "/openapi/operators-v1.json";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_documents_are_valid_OpenAPI_3_1()
    {
        // The token of operators is not needed where the ports listen on this machine only.
        Uri operators = new(served.Node.Operators.BaseAddress!, Operators), clients = new(served.Node.Http.BaseAddress!, Public);
        (int exitCode, string output, string error) = await served.RunAsync("node", "validate.mjs", clients.ToString(), operators.ToString());

        Assert.True(exitCode == 0, output + error);
        Assert.Contains("valid", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_document_has_every_call_of_its_port_and_no_other(bool isOperators)
    {
        HttpClient http = isOperators ? served.Node.Operators : served.Node.Http;
        JsonNode document = (await http.GetFromJsonAsync<JsonNode>(isOperators ? Operators : Public, Stop))!;
        string[] described =
        [
            .. document["paths"]!.AsObject()
                .SelectMany(path => path.Value!.AsObject().Select(call => $"{call.Key.ToUpperInvariant()} {path.Key}")),
        ];
        string[] calls =
        [
            .. Doors.Of(served.Node).Where(endpoint => IsCall(endpoint, isOperators ? ListeningPort.Operators : ListeningPort.Public))
                .Select(endpoint => $"{Doors.MethodOf(endpoint)} {Path(endpoint)}"),
        ];

        Assert.Equal(calls.Distinct().Order(StringComparer.Ordinal), described.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_page_shows_the_public_document_and_names_no_other_server()
    {
        using HttpResponseMessage answer = await served.Node.Http.GetAsync("/docs/", Stop);
        string page = await answer.Content.ReadAsStringAsync(Stop);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Contains("openapi/v1.json", page, StringComparison.Ordinal);
        Assert.DoesNotMatch(OtherServer(), page);
        foreach (Match script in Script().Matches(page))
        {
            var address = new Uri(answer.RequestMessage!.RequestUri!, script.Groups[1].Value);
            using HttpResponseMessage file = await served.Node.Http.GetAsync(address, Stop);
            Assert.Equal(HttpStatusCode.OK, file.StatusCode);
        }
        Assert.NotEmpty(Script().Matches(page));
    }

    private static bool IsCall(RouteEndpoint endpoint, ListeningPort port)
    {
        string path = Path(endpoint);
        bool isJson = endpoint.Metadata.GetMetadata<GrpcJsonTranscodingMetadata>() is not null || !Doors.NameOf(endpoint).StartsWith('/');
        return isJson && !Doors.IsForeign(endpoint) && ListeningPorts.PortOf(endpoint) is var own && (own == port || own == ListeningPort.Any)
            && (path.StartsWith("/v1/", StringComparison.Ordinal) || path.StartsWith("/health/", StringComparison.Ordinal));
    }

    private static string Path(RouteEndpoint endpoint) => "/" + endpoint.RoutePattern.RawText!.TrimStart('/');

    [GeneratedRegex("""(?:src|href)="(?:https?:)?//""")]
    private static partial Regex OtherServer();

    [GeneratedRegex("""<script[^>]* src="([^"]+)""")]
    private static partial Regex Script();
}
