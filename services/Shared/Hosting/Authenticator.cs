using System.Security.Claims;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Brownian.Jobs;
using Brownian.Jobs.Access;
using Grpc.Core;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Tokens;

namespace Brownian.Hosting;

/// <summary>
/// Determines the caller: by an API key, a token of an OpenID Connect issuer, or, at the operators' port, one of the operators' tokens. All of them
/// are bearer tokens (RFC 6750); a key can be a password, too.
/// </summary>
/// <param name="options">The settings.</param>
/// <param name="store">The keys and tenants.</param>
/// <param name="operators">The operators' tokens.</param>
/// <param name="quotas">The quotas of tenants.</param>
/// <param name="clock">The time.</param>
internal sealed class Authenticator(
    PlatformOptions options, IAccessStore store, OperatorAccess operators, CallerQuotas quotas, TimeProvider clock)
{
    private const string Scheme = "Bearer ", BasicScheme = "Basic ";
    private const string WrongKey = "the API key is unknown, expired or revoked";

    /// <summary>Adds the validation of an issuer's tokens, if the settings name one.</summary>
    public static void AddIssuer(IServiceCollection services, PlatformOptions options)
    {
        if (options.OidcAuthority is not { } authority)
        {
            return;
        }
        services.AddAuthentication().AddJwtBearer(jwt =>
        {
            jwt.Authority = authority;
            jwt.Audience = options.OidcAudience;
            // The validator allows http for an issuer on this machine only.
            jwt.RequireHttpsMetadata = authority.StartsWith(Uri.UriSchemeHttps + "://", StringComparison.OrdinalIgnoreCase);
            jwt.MapInboundClaims = false;
            jwt.TokenValidationParameters.ClockSkew = TimeSpan.FromSeconds(30);
            jwt.TokenValidationParameters.RequireExpirationTime = true;
            jwt.TokenValidationParameters.RequireSignedTokens = true;
            // Not those with a shared secret, with which a public key could be used as the secret.
            jwt.TokenValidationParameters.ValidAlgorithms =
            [
                SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512, SecurityAlgorithms.RsaSsaPssSha256,
                SecurityAlgorithms.RsaSsaPssSha384, SecurityAlgorithms.RsaSsaPssSha512, SecurityAlgorithms.EcdsaSha256,
                SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512,
            ];
        });
    }

    /// <summary>Returns the caller, or why its credentials are not accepted.</summary>
    /// <exception cref="PlatformUnavailableException">The store or the issuer cannot be reached.</exception>
    public async Task<Authentication> AuthenticateAsync(HttpContext context)
    {
        string given = context.Request.Headers.Authorization.ToString();
        bool isOperators = ListeningPorts.PortOf(context) == ListeningPort.Operators;
        if (!isOperators && PasswordIn(given) is { } password && (KeyText.IsKey(password) || options.RequiresAuthentication))
        {
            return await FindKeyAsync(password, context.RequestAborted).ConfigureAwait(false);
        }
        if (!given.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            if (FindCertificate(context, isOperators) is { } holder)
            {
                return new Authentication(holder);
            }
            // Where nothing is required, a header of another scheme is a proxy's.
            return options.RequiresAuthentication || (isOperators && operators.HasMetricsToken)
                ? new Authentication(null, "credentials are required: send an API key or a token as \"authorization: Bearer KEY\"")
                : new Authentication(Caller.Anonymous);
        }
        string token = given[Scheme.Length..].Trim();
        if ((isOperators ? operators.Find(token) : operators.FindService(token)) is { } known)
        {
            return new Authentication(known);
        }
        if (KeyText.IsKey(token))
        {
            return await FindKeyAsync(token, context.RequestAborted).ConfigureAwait(false);
        }
        if (!isOperators && !options.RequiresAuthentication && options.OidcAuthority is null)
        {
            // OpenAI's SDKs always send a key; where none is required, it is no key of this gateway and means nothing.
            return new Authentication(Caller.Anonymous);
        }
        return options.OidcAuthority is null || isOperators && !token.Contains('.', StringComparison.Ordinal)
            ? new Authentication(null, isOperators ? operators.WrongToken : WrongKey)
            : await ReadTokenAsync(context).ConfigureAwait(false);
    }

    /// <summary>
    /// Returns the password of Basic authentication (RFC 7617), as which clients that know no tokens send an API key, with any name; null for none.
    /// </summary>
    private static string? PasswordIn(string header)
    {
        if (!header.StartsWith(BasicScheme, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }
        string encoded = header[BasicScheme.Length..].Trim();
        var bytes = new byte[encoded.Length];
        if (!Convert.TryFromBase64String(encoded, bytes, out int length))
        {
            return null;
        }
        string pair = Encoding.UTF8.GetString(bytes, 0, length);
        int colon = pair.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? null : pair[(colon + 1)..];
    }

    /// <summary>
    /// Returns the holder of the connection's client certificate, which the handshake has verified: at the operators' ports an operator whose name is
    /// in the settings, at a worker's port another service; null for none.
    /// </summary>
    private Caller? FindCertificate(HttpContext context, bool isOperators)
    {
        if (context.Connection.ClientCertificate is not { } certificate)
        {
            return null;
        }
        string[] names =
        [
            certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false),
            .. certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(extension => extension.EnumerateDnsNames()),
        ];
        return !isOperators ? new Caller(Tenant.Default, "certificate:" + names[0], Permission.Read | Permission.Stages)
            : names.FirstOrDefault(name => options.OperatorCertificates.Contains(name, StringComparer.OrdinalIgnoreCase)) is { } known
            ? new Caller(Tenant.Default, "certificate:" + known, Roles.PermissionsOf(Role.Operator))
            : null;
    }

    private async Task<Authentication> FindKeyAsync(string token, CancellationToken cancellationToken)
    {
        if (!KeyText.TryParse(token, out KeyText? text))
        {
            return new Authentication(null, WrongKey);
        }
        (ApiKey? key, Tenant? tenant) = await store.FindKeyAsync(text.Id, cancellationToken).ConfigureAwait(false);
        if (key is null || !text.Matches(key.Hash))
        {
            return new Authentication(null, WrongKey);
        }
        var caller = new Caller(key.Tenant, "key:" + key.Id, key.Permissions);
        return !key.IsValid(clock.GetUtcNow()) ? new Authentication(null, WrongKey) { Refused = caller }
            : tenant is null or { IsDisabled: true } ? Disabled(caller)
            : new Authentication(caller with { Quotas = quotas.Of(tenant) });
    }

    private async Task<Authentication> ReadTokenAsync(HttpContext context)
    {
        AuthenticateResult result;
        try
        {
            result = await context.AuthenticateAsync(JwtBearerDefaults.AuthenticationScheme).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is InvalidOperationException or HttpRequestException or IOException)
        {
            throw new PlatformUnavailableException(
                PlatformPart.Issuer, $"{options.OidcAuthority}: {exception.GetBaseException().Message}", exception);
        }
        if (result.Principal is not { } principal)
        {
            return new Authentication(null, "the token is not valid: " + (result.Failure switch
            {
                SecurityTokenExpiredException => "it has expired",
                SecurityTokenInvalidAudienceException => "it is for another audience",
                SecurityTokenInvalidIssuerException => "it is of another issuer",
                _ => "its signature or its form is wrong",
            }));
        }
        string subject = principal.FindFirstValue("sub") ?? "";
        string name = principal.FindFirstValue(options.OidcTenantClaim) ?? "";
        if (!Tenant.IsName(name) || await store.FindTenantAsync(name, context.RequestAborted).ConfigureAwait(false) is not { } tenant)
        {
            return new Authentication(
                null, $"the token's claim {options.OidcTenantClaim} names no tenant: create it with \"brownian tenants set NAME\"");
        }
        Role role = principal.FindAll(options.OidcRoleClaim).Select(claim => Roles.Find(claim.Value)).Max() ?? Role.User;
        var caller = new Caller(name, "oidc:" + Printable(subject), Roles.PermissionsOf(role));
        return tenant.IsDisabled ? Disabled(caller) : new Authentication(caller with { Quotas = quotas.Of(tenant) });
    }

    /// <summary>Returns a subject for lines of logs: an issuer may let its users choose it.</summary>
    private static string Printable(string subject) => new([.. subject.Take(128).Select(letter => char.IsControl(letter) ? '?' : letter)]);

    private static Authentication Disabled(Caller caller) =>
        new(null, $"the tenant {caller.Tenant} is disabled") { Code = StatusCode.PermissionDenied, Refused = caller };
}
