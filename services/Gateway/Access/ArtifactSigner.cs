using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Brownian.Jobs.Access;

namespace Brownian.Gateway.Access;

/// <summary>
/// Signs links to images, with which a holder without credentials can fetch one image until the link expires. The signature is an HMAC-SHA256 over
/// the image's id and the expiry, with a secret that all gateways share.
/// </summary>
/// <param name="store">Stores the secret.</param>
/// <param name="clock">The time.</param>
public sealed class ArtifactSigner(IAccessStore store, TimeProvider clock)
{
    /// <summary>The longest lifetime of a link.</summary>
    public static readonly TimeSpan MaxLifetime = TimeSpan.FromDays(7);

    /// <summary>The lifetime of a link where the caller states none.</summary>
    public static readonly TimeSpan DefaultLifetime = TimeSpan.FromHours(1);

    private byte[]? _secret;

    /// <summary>Returns the path of a link, and when it expires.</summary>
    public async Task<(string Path, DateTimeOffset Expires)> SignAsync(string id, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        long expires = (clock.GetUtcNow() + lifetime).ToUnixTimeSeconds();
        string signature = Base64Url.EncodeToString(Signature(await SecretAsync(cancellationToken), id, expires));
        return (string.Create(CultureInfo.InvariantCulture, $"/v1/signed/{id}?expires={expires}&signature={signature}"),
            DateTimeOffset.FromUnixTimeSeconds(expires));
    }

    /// <summary>Whether a link is valid now.</summary>
    public async Task<bool> IsValidAsync(string id, string? expires, string? signature, CancellationToken cancellationToken)
    {
        if (!long.TryParse(expires, NumberStyles.None, CultureInfo.InvariantCulture, out long time)
            || signature is not { Length: 43 }
            || !Base64Url.IsValid(signature))
        {
            return false;
        }
        byte[] expected = Signature(await SecretAsync(cancellationToken), id, time);
        return CryptographicOperations.FixedTimeEquals(expected, Base64Url.DecodeFromChars(signature))
            && time > clock.GetUtcNow().ToUnixTimeSeconds();
    }

    private static byte[] Signature(byte[] secret, string id, long expires) =>
        HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}\n{expires}")));

    /// <summary>The secret never changes, so it is read once.</summary>
    private async Task<byte[]> SecretAsync(CancellationToken cancellationToken) => _secret ??= await store.SigningSecretAsync(cancellationToken);
}
