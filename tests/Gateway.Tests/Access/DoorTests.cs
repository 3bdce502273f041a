using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Brownian.Hosting;
using Brownian.Jobs.Access;
using Brownian.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Grpc.JsonTranscoding;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Tokens;

namespace Brownian.Gateway.Tests.Access;

/// <summary>
/// Calls each door of the table in each of its forms (gRPC, gRPC-Web, JSON), with every kind of missing, wrong and insufficient credentials. A door
/// that is added without a row fails a test.
/// </summary>
public sealed class DoorTests : IAsyncLifetime
{
    private const ListeningPort Clients = ListeningPort.Public;
    private const ListeningPort Operators = ListeningPort.Operators;

    private readonly Stubs _stubs = new();
    private TokenIssuer _issuer = null!;
    private Node _node = null!;
    private HttpClient _http = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public void Every_endpoint_has_a_row_and_requires_what_the_row_says()
    {
        RouteEndpoint[] endpoints = [.. Endpoints()];
        Assert.Equal(
            Doors.Rows.Keys.Order(StringComparer.Ordinal),
            endpoints.Select(Doors.NameOf).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
        Assert.All(endpoints, endpoint => Assert.Equal(
            (Doors.NameOf(endpoint), Doors.RowOf(endpoint).Permission, Doors.RowOf(endpoint).Port),
            (Doors.NameOf(endpoint), AccessGuard.RequiredBy(endpoint), ListeningPorts.PortOf(endpoint))));
    }

    [Fact]
    public async Task Each_door_refuses_each_kind_of_missing_and_wrong_credentials()
    {
        string[] forms = [];
        foreach ((string situation, string? credentials, StatusCode code) in await WrongAsync())
        {
            foreach (RouteEndpoint endpoint in Endpoints())
            {
                foreach ((string form, string answer) in await CallAsync(endpoint, credentials))
                {
                    forms = [.. forms, form];
                    string expected = Doors.RowOf(endpoint).Permission == Permission.None ? "open" : code.ToString();
                    string call = $"{situation}: {form} {Doors.NameOf(endpoint)}";
                    Assert.Equal($"{call}: {expected}", $"{call}: {answer}");
                }
            }
        }
        // Each form was among them.
        Assert.Equal(["JSON", "gRPC", "gRPC-Web", "plain"], forms.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("user", "")]
    [InlineData("operator", "")]
    [InlineData("admin", "")]
    [InlineData("user", "read")]
    [InlineData("user", "generate")]
    [InlineData("operator", "metrics")]
    [InlineData("operator", "operate")]
    [InlineData("admin", "admin")]
    public async Task Each_door_admits_exactly_the_callers_that_have_its_permission(string role, string scope)
    {
        CreatedKey key = await CreateKeyAsync(role, scope);
        Role known = Roles.Find(role)!.Value;
        Permission has = scope.Length == 0 ? Roles.PermissionsOf(known) : Scopes.Find(scope)!.Value;
        List<(string, string)> callers = [("key", key.Text)];
        if (scope.Length == 0)
        {
            callers.Add(("token", _issuer.Sign(role: role)));
        }
        foreach ((string kind, string credentials) in callers)
        {
            foreach (RouteEndpoint endpoint in Endpoints())
            {
                string expected = has.HasFlag(Doors.RowOf(endpoint).Permission) ? "open" : "PermissionDenied";
                foreach ((string form, string answer) in await CallAsync(endpoint, credentials))
                {
                    Assert.Equal($"{kind}: {form} {Doors.NameOf(endpoint)}: {expected}", $"{kind}: {form} {Doors.NameOf(endpoint)}: {answer}");
                }
            }
        }
    }

    [Fact]
    public async Task The_operators_tokens_open_the_operators_ports_only()
    {
        foreach ((string token, Permission has) in ((string, Permission)[])
            [(Node.OperatorToken, Roles.PermissionsOf(Role.Admin)), (MetricsToken, Permission.Metrics)])
        {
            foreach (RouteEndpoint endpoint in Endpoints())
            {
                (Permission required, ListeningPort port, _, _) = Doors.RowOf(endpoint);
                string expected = required == Permission.None ? "open"
                    : !port.HasFlag(Operators) ? "Unauthenticated"
                    : has.HasFlag(required) ? "open"
                    : "PermissionDenied";
                foreach ((string form, string answer) in await CallAsync(endpoint, token, port.HasFlag(Operators) ? Operators : Clients))
                {
                    Assert.Equal($"{form} {Doors.NameOf(endpoint)}: {expected}", $"{form} {Doors.NameOf(endpoint)}: {answer}");
                }
            }
        }
    }

    [Fact]
    public async Task The_token_of_services_which_every_worker_has_opens_the_stage_services_alone()
    {
        foreach (RouteEndpoint endpoint in Endpoints())
        {
            (Permission required, ListeningPort port, _, _) = Doors.RowOf(endpoint);
            string expected = required == Permission.None ? "open"
                : !port.HasFlag(Clients) ? "Unauthenticated"
                : required == Permission.Stages ? "open"
                : "PermissionDenied";
            foreach ((string form, string answer) in await CallAsync(endpoint, Node.ServiceToken))
            {
                Assert.Equal($"{form} {Doors.NameOf(endpoint)}: {expected}", $"{form} {Doors.NameOf(endpoint)}: {answer}");
            }
        }
    }

    [Fact]
    public async Task A_method_that_does_not_exist_is_unimplemented_for_everybody()
    {
        foreach (string path in (string[])["/brownian.v1.Generation/Nothing", "/brownian.v1.Nothing/Get"])
        {
            Assert.Equal("Unimplemented", await GrpcAsync(Clients, path, null));
        }
    }

    public async ValueTask InitializeAsync()
    {
        _issuer = await TokenIssuer.StartAsync();
        _node = await Node.StartAsync(
            Node.Everything, ServiceRole.Gateway,
            [
                .. _stubs.Settings(_stubs.Add()), "Ephemeral=true", "Authentication=required", "MetricsToken=" + MetricsToken,
                "ServiceToken=" + Node.ServiceToken, .. _issuer.Settings,
            ]);
        _http = new HttpClient();
        // The calls that are admitted have a message that cannot be read.
        _node.ExpectErrors("InvalidProtocolBufferException");
        await _node.Client.Access.SetTenantAsync(new SetTenantRequest { Name = "acme" }, cancellationToken: Stop);
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _node.DisposeAsync();
        await _issuer.DisposeAsync();
        _stubs.Dispose();
    }

    private const string MetricsToken = "the-readers-of-metrics";

    private IEnumerable<RouteEndpoint> Endpoints() => Doors.Of(_node);

    private async Task<CreatedKey> CreateKeyAsync(string role = "user", string scope = "")
    {
        var request = new CreateKeyRequest { Tenant = "acme", Role = role };
        if (scope.Length > 0)
        {
            request.Scopes.Add(scope);
        }
        return await _node.Client.Access.CreateKeyAsync(request, cancellationToken: Stop);
    }

    private async Task<(string Situation, string? Credentials, StatusCode Code)[]> WrongAsync()
    {
        CreatedKey revoked = await CreateKeyAsync("admin");
        await _node.Client.Access.RevokeKeyAsync(new RevokeKeyRequest { Id = revoked.Key.Id }, cancellationToken: Stop);
        CreatedKey rotated = await CreateKeyAsync("admin");
        await _node.Client.Access.RotateKeyAsync(
            new RotateKeyRequest { Id = rotated.Key.Id, Overlap = Duration.FromTimeSpan(TimeSpan.Zero) }, cancellationToken: Stop);
        string right = (await CreateKeyAsync("admin")).Text;
        await _node.Client.Access.SetTenantAsync(new SetTenantRequest { Name = "gone", Disabled = true }, cancellationToken: Stop);
        CreatedKey gone =
            await _node.Client.Access.CreateKeyAsync(new CreateKeyRequest { Tenant = "gone", Role = "admin" }, cancellationToken: Stop);
        using RSA foreign = RSA.Create(2048);
        string token = _issuer.Sign(role: "admin");
        string[] parts = token.Split('.');
        (string, string?)[] wrong =
        [
            ("none", null),
            ("empty", ""),
            ("not a key", "secret"),
            ("unknown key", KeyText.Create().ToString()),
            ("wrong secret", right[..^1] + (right[^1] == 'A' ? 'B' : 'A')),
            ("secret of another key", right[..17] + KeyText.Create().Secret),
            ("cut key", right[..^1]),
            ("longer key", right + "A"),
            ("revoked key", revoked.Text),
            ("expired key", rotated.Text),
            ("expired token", _issuer.Sign(role: "admin", lifetime: TimeSpan.FromMinutes(-2))),
            ("wrong audience", _issuer.Sign(role: "admin", audience: "another")),
            ("foreign signature", _issuer.Sign(
                role: "admin",
                signing: new SigningCredentials(new RsaSecurityKey(foreign) { KeyId = "first" }, SecurityAlgorithms.RsaSha256))),
            ("shared secret", _issuer.Sign(
                role: "admin",
                signing: new SigningCredentials(
                    new SymmetricSecurityKey(Encoding.UTF8.GetBytes(new string('k', 64))) { KeyId = "first" }, SecurityAlgorithms.HmacSha256))),
            ("no signature", Base64UrlEncoder.Encode("{\"alg\":\"none\",\"typ\":\"JWT\"}") + "." + parts[1] + "."),
            (
                "changed claims",
                $"{parts[0]}.{Base64UrlEncoder.Encode("{\"sub\":\"eve\",\"tenant\":\"acme\",\"roles\":[\"admin\"]}")}.{parts[2]}"),
            ("token without a tenant", _issuer.Sign(tenant: null, role: "admin")),
            ("token of an unknown tenant", _issuer.Sign(tenant: "unknown", role: "admin")),
        ];
        return
        [
            .. wrong.Select(situation => (situation.Item1, situation.Item2, StatusCode.Unauthenticated)),
            // Known, and not let in.
            ("disabled tenant", gone.Text, StatusCode.PermissionDenied),
            ("token of a disabled tenant", _issuer.Sign(tenant: "gone", role: "admin"), StatusCode.PermissionDenied),
        ];
    }

    /// <summary>Calls an endpoint in each of its forms, and returns "open" or the code of the refusal.</summary>
    private async Task<IReadOnlyList<(string Form, string Answer)>> CallAsync(
        RouteEndpoint endpoint, string? credentials, ListeningPort? at = null)
    {
        ListeningPort port = at ?? (Doors.RowOf(endpoint).Port.HasFlag(Clients) ? Clients : Operators);
        if (endpoint.Metadata.GetMetadata<GrpcJsonTranscodingMetadata>() is not null)
        {
            return [("JSON", await PlainAsync(port, endpoint, Doors.MethodOf(endpoint), credentials))];
        }
        if (endpoint.Metadata.GetMetadata<GrpcMethodMetadata>() is { } grpc)
        {
            return
            [
                ("gRPC", await GrpcAsync(port, grpc.Method.FullName, credentials)),
                ("gRPC-Web", await GrpcAsync(port, grpc.Method.FullName, credentials, isWeb: true)),
            ];
        }
        return [("plain", await PlainAsync(port, endpoint, Doors.MethodOf(endpoint), credentials))];
    }

    private async Task<string> PlainAsync(ListeningPort port, RouteEndpoint endpoint, HttpMethod method, string? credentials)
    {
        string path = endpoint.RoutePattern.RawText!.Replace("{id}", "x", StringComparison.Ordinal).Replace("{name}", "x", StringComparison.Ordinal)
            .Replace("{**path}", "x", StringComparison.Ordinal);
        using var request = new HttpRequestMessage(method, path);
        if (method == HttpMethod.Post)
        {
            request.Content = new StringContent("{\"nothing\": 1}", Encoding.UTF8, "application/json");
        }
        Authorize(request, credentials);
        using HttpResponseMessage answer = await (port == Clients ? _node.Http : _node.Operators).SendAsync(request, Stop);
        string body = await answer.Content.ReadAsStringAsync(Stop);
        if (answer.StatusCode == HttpStatusCode.Unauthorized)
        {
            bool isBasic = path.StartsWith("/sdapi", StringComparison.Ordinal) || path.StartsWith("/controlnet", StringComparison.Ordinal)
                || path.StartsWith("/internal", StringComparison.Ordinal);
            Assert.Equal(isBasic ? "Basic" : "Bearer", Assert.Single(answer.Headers.WwwAuthenticate).Scheme);
            string code = isBasic ? "\"detail\":" : Doors.IsForeign(endpoint) ? "\"code\":\"invalid_api_key\"" : "\"code\": 16";
            Assert.Contains(code, body, StringComparison.Ordinal);
            return "Unauthenticated";
        }
        // The link of the signed door is wrong, which is no matter of the caller.
        if (answer.StatusCode == HttpStatusCode.Forbidden && !path.StartsWith("/v1/signed", StringComparison.Ordinal))
        {
            Assert.True(Doors.IsForeign(endpoint) || body.Contains("\"code\": 7", StringComparison.Ordinal), body);
            return "PermissionDenied";
        }
        return "open";
    }

    private async Task<string> GrpcAsync(ListeningPort port, string path, string? credentials, bool isWeb = false)
    {
        string address = isWeb
            ? (port == Clients ? _node.Http : _node.Operators).BaseAddress!.ToString().TrimEnd('/')
            : port == Clients ? _node.GrpcAddress : _node.OperatorAddress!;
        using var request = new HttpRequestMessage(HttpMethod.Post, address + path)
        {
            Version = isWeb ? HttpVersion.Version11 : HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            // A frame with a message that no call accepts as valid, so that no stream stays open. The scaler reads its message before it admits.
            Content = new ByteArrayContent(path.Contains("Scaler", StringComparison.Ordinal) ? [0, 0, 0, 0, 0] : [0, 0, 0, 0, 1, 0xff]),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(isWeb ? "application/grpc-web" : "application/grpc");
        request.Headers.TryAddWithoutValidation("te", "trailers");
        Authorize(request, credentials);
        using HttpResponseMessage answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Stop);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        if (!answer.Headers.TryGetValues("grpc-status", out IEnumerable<string>? status))
        {
            await answer.Content.ReadAsByteArrayAsync(Stop);
            answer.TrailingHeaders.TryGetValues("grpc-status", out status);
        }
        StatusCode? code = status is null ? null : (StatusCode)int.Parse(status.Single(), CultureInfo.InvariantCulture);
        return code is StatusCode.Unauthenticated or StatusCode.PermissionDenied or StatusCode.Unimplemented ? code.Value.ToString() : "open";
    }

    private static void Authorize(HttpRequestMessage request, string? credentials)
    {
        if (credentials is not null)
        {
            request.Headers.TryAddWithoutValidation("authorization", "Bearer " + credentials);
        }
    }
}
