using System.Net;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Brownian.Testing.Nodes;

/// <summary>An OpenID Connect issuer on loopback: its discovery document, its keys, and the tokens that it signs.</summary>
internal sealed class TokenIssuer : IAsyncDisposable
{
    /// <summary>The audience of its tokens.</summary>
    public const string Audience = "brownian";

    private readonly WebApplication _app;
    private readonly RSA _rsa = RSA.Create(2048);
    private readonly RsaSecurityKey _key;

    private TokenIssuer(WebApplication app)
    {
        _app = app;
        _key = new RsaSecurityKey(_rsa) { KeyId = "first" };
    }

    /// <summary>The issuer's address.</summary>
    public string Address => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    /// <summary>The settings of a gateway that accepts its tokens.</summary>
    public IEnumerable<string> Settings => ["OidcAuthority=" + Address, "OidcAudience=" + Audience];

    public static async Task<TokenIssuer> StartAsync()
    {
        WebApplicationBuilder web = WebApplication.CreateSlimBuilder();
        web.Logging.ClearProviders();
        web.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        WebApplication app = web.Build();
        var issuer = new TokenIssuer(app);
        app.MapGet("/.well-known/openid-configuration", () => Results.Json(new Dictionary<string, object>
        {
            ["issuer"] = issuer.Address,
            ["jwks_uri"] = issuer.Address + "/keys",
            ["id_token_signing_alg_values_supported"] = new[] { "RS256" },
        }));
        app.MapGet("/keys", () =>
        {
            JsonWebKey key = JsonWebKeyConverter.ConvertFromRSASecurityKey(issuer._key);
            return Results.Json(new Dictionary<string, object>
            {
                ["keys"] = new[]
                {
                    new Dictionary<string, string> { ["kty"] = "RSA", ["use"] = "sig", ["kid"] = "first", ["n"] = key.N, ["e"] = key.E },
                },
            });
        });
        await app.StartAsync(TestContext.Current.CancellationToken);
        return issuer;
    }

    /// <summary>Signs a token.</summary>
    /// <param name="tenant">The claim tenant; null for none.</param>
    /// <param name="role">The claim roles; null for none.</param>
    /// <param name="audience">The audience.</param>
    /// <param name="lifetime">When it ends, from now.</param>
    /// <param name="signing">The key; null for the issuer's own.</param>
    public string Sign(
        string? tenant = "acme", string? role = null, string audience = Audience, TimeSpan? lifetime = null, SigningCredentials? signing = null)
    {
        DateTime now = TimeProvider.System.GetUtcNow().UtcDateTime;
        DateTime end = now + (lifetime ?? TimeSpan.FromMinutes(5));
        var claims = new Dictionary<string, object> { ["sub"] = "alice" };
        if (tenant is not null)
        {
            claims["tenant"] = tenant;
        }
        if (role is not null)
        {
            claims["roles"] = new[] { role };
        }
        return new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
        {
            Issuer = Address,
            Audience = audience,
            NotBefore = end - TimeSpan.FromHours(1) < now ? end - TimeSpan.FromHours(1) : now,
            IssuedAt = now,
            Expires = end,
            Claims = claims,
            SigningCredentials = signing ?? new SigningCredentials(_key, SecurityAlgorithms.RsaSha256),
        });
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        _rsa.Dispose();
    }
}
