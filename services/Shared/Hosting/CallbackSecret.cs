using System.Security.Cryptography;
using System.Text;

namespace Brownian.Hosting;

/// <summary>
/// A secret with which callbacks are signed, in the form of Standard Webhooks (standard-webhooks/standard-webhooks, spec/standard-webhooks.md):
/// <c>whsec_</c> and 24 to 64 bytes in base64.
/// </summary>
/// <param name="key">The bytes.</param>
public sealed class CallbackSecret(byte[] key)
{
    /// <summary>What is allowed.</summary>
    public const string Allowed = "whsec_ and 24 to 64 bytes in base64, for example from: echo whsec_$(openssl rand -base64 32)";

    private const string Prefix = "whsec_";
    private const int MinBytes = 24, MaxBytes = 64;

    /// <summary>Reads a secret; null for another text.</summary>
    public static CallbackSecret? Parse(string text)
    {
        if (!text.StartsWith(Prefix, StringComparison.Ordinal) || text.Length > Prefix.Length + (2 * MaxBytes))
        {
            return null;
        }
        var bytes = new byte[2 * MaxBytes];
        return Convert.TryFromBase64String(text[Prefix.Length..], bytes, out int length) && length is >= MinBytes and <= MaxBytes
            ? new CallbackSecret(bytes[..length])
            : null;
    }

    /// <summary>Signs a callback.</summary>
    /// <param name="id">The callback's id.</param>
    /// <param name="seconds">The time of the attempt in seconds since 1970.</param>
    /// <param name="body">The body.</param>
    /// <returns>The signature, as in the header <c>webhook-signature</c>.</returns>
    public string Sign(string id, long seconds, ReadOnlySpan<byte> body)
    {
        byte[] start = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}.{seconds}."));
        return "v1," + Convert.ToBase64String(HMACSHA256.HashData(key, (byte[])[.. start, .. body]));
    }
}
