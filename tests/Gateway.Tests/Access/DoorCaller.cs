using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Brownian.Hosting;
using Google.Protobuf;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Grpc.JsonTranscoding;
using Microsoft.AspNetCore.Routing;

namespace Brownian.Gateway.Tests.Access;

/// <summary>Calls doors of the clients' ports with valid messages, in each form, and returns the whole answers.</summary>
/// <param name="node">The node.</param>
/// <param name="key">The caller's key.</param>
internal sealed class DoorCaller(Node node, string key)
{
    private static readonly HttpClient Http = new();
    private static readonly JsonFormatter Formatter = new(JsonFormatter.Settings.Default.WithPreserveProtoFieldNames(true));

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Calls an endpoint in each of its forms.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="message">The message. The addresses of JSON doors contain its field <c>id</c>.</param>
    public async Task<IReadOnlyList<DoorAnswer>> CallAsync(RouteEndpoint endpoint, IMessage message)
    {
        Assert.True(Doors.RowOf(endpoint).Port.HasFlag(ListeningPort.Public));
        return endpoint.Metadata.GetMetadata<GrpcJsonTranscodingMetadata>() is not null
                ? [await JsonAsync(endpoint, Doors.MethodOf(endpoint), message)]
            : endpoint.Metadata.GetMetadata<GrpcMethodMetadata>() is { } grpc
                ? [await GrpcAsync(grpc.Method.FullName, message, isWeb: false), await GrpcAsync(grpc.Method.FullName, message, isWeb: true)]
            : [await JsonAsync(endpoint, Doors.MethodOf(endpoint), message)];
    }

    private async Task<DoorAnswer> JsonAsync(RouteEndpoint endpoint, HttpMethod method, IMessage message)
    {
        JsonObject body = JsonNode.Parse(Formatter.Format(message))!.AsObject();
        string path = endpoint.RoutePattern.RawText!;
        if (path.Contains("{id}", StringComparison.Ordinal))
        {
            path = path.Replace("{id}", body["id"]!.ToString(), StringComparison.Ordinal);
            body.Remove("id");
        }
        using var request = new HttpRequestMessage(method, new Uri(node.Http.BaseAddress!, path));
        bool isForeign = Doors.IsForeign(endpoint);
        body = isForeign ? Foreign(body, path.Contains("/images/", StringComparison.Ordinal)) : body;
        if (method == HttpMethod.Post)
        {
            request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        }
        using HttpResponseMessage answer = await SendAsync(request);
        string text = await answer.Content.ReadAsStringAsync(Stop);
        // The answer of a download is no JSON.
        StatusCode code = answer.IsSuccessStatusCode ? StatusCode.OK
            : !isForeign ? (StatusCode)(int)JsonNode.Parse(text)!["code"]!
            : answer.StatusCode == HttpStatusCode.TooManyRequests ? StatusCode.ResourceExhausted
            : StatusCode.Unknown;
        return new DoorAnswer("JSON", code, (int)answer.StatusCode, HeadersOf(answer) + text);
    }

    /// <summary>A request as OpenAI or AUTOMATIC1111 writes it.</summary>
    private static JsonObject Foreign(JsonObject request, bool isOpenAi) => new()
    {
        [isOpenAi ? "model" : "override_settings"] =
            isOpenAi ? request["model"]?.DeepClone() : new JsonObject { ["sd_model_checkpoint"] = request["model"]?.DeepClone() },
        ["prompt"] = request["prompt"]?.DeepClone(),
        ["steps"] = request["steps"]?.DeepClone(),
        ["width"] = request["width"]?.DeepClone(),
        ["height"] = request["height"]?.DeepClone(),
    };

    private async Task<DoorAnswer> GrpcAsync(string method, IMessage message, bool isWeb)
    {
        byte[] frame = [0, 0, 0, 0, 0, .. message.ToByteArray()];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), frame.Length - 5);
        string address = isWeb ? node.Http.BaseAddress!.ToString().TrimEnd('/') : node.GrpcAddress;
        using var request = new HttpRequestMessage(HttpMethod.Post, address + method)
        {
            Version = isWeb ? HttpVersion.Version11 : HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(frame),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(isWeb ? "application/grpc-web" : "application/grpc");
        request.Headers.TryAddWithoutValidation("te", "trailers");
        using HttpResponseMessage answer = await SendAsync(request);
        byte[] body = await answer.Content.ReadAsByteArrayAsync(Stop);
        List<(string Name, string Value)> trailers =
        [
            .. answer.Headers.Concat(answer.TrailingHeaders).SelectMany(header => header.Value.Select(value => (header.Key, value))),
            .. isWeb ? TrailersIn(body) : [],
        ];
        string status = trailers.Last(trailer => trailer.Name.Equals("grpc-status", StringComparison.OrdinalIgnoreCase)).Value;
        string text = HeadersOf(answer) + string.Concat(trailers.Select(trailer => Decoded(trailer.Name, trailer.Value)));
        if (!isWeb)
        {
            text += Encoding.Latin1.GetString(body);
        }
        return new DoorAnswer(
            isWeb ? "gRPC-Web" : "gRPC", (StatusCode)int.Parse(status, CultureInfo.InvariantCulture), (int)answer.StatusCode, text);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request)
    {
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return await Http.SendAsync(request, Stop).WaitAsync(Eventually.Deadline, Stop);
    }

    private static string HeadersOf(HttpResponseMessage answer)
    {
        answer.Headers.Date = null;
        return $"{(int)answer.StatusCode}\n{Decoded(answer.Headers)}{Decoded(answer.Content.Headers)}";
    }

    /// <summary>The trailers that gRPC-Web sends as the last frame of the body.</summary>
    private static IEnumerable<(string Name, string Value)> TrailersIn(byte[] body)
    {
        for (int at = 0; at < body.Length; at += 5 + BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(at + 1)))
        {
            if ((body[at] & 0x80) != 0)
            {
                return
                [
                    .. Encoding.ASCII.GetString(body, at + 5, BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(at + 1)))
                        .Split("\r\n", StringSplitOptions.RemoveEmptyEntries)
                        .Select(line => line.Split(':', 2))
                        .Select(parts => (parts[0], parts[1].Trim())),
                ];
            }
        }
        return [];
    }

    private static string Decoded(HttpHeaders headers) =>
        string.Concat(headers.SelectMany(header => header.Value.Select(value => Decoded(header.Key, value))));

    /// <summary>A header as a line; a binary one as text, so that an id in it can be found.</summary>
    private static string Decoded(string name, string value) => name.EndsWith("-bin", StringComparison.Ordinal)
        ? $"{name}: {Encoding.Latin1.GetString(Convert.FromBase64String(value.PadRight((value.Length + 3) / 4 * 4, '=')))}\n"
        : $"{name}: {value}\n";
}
