using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Brownian.Jobs.Access;

/// <summary>
/// The text of an API key, as its holder has it: <c>brn_ID_SECRET</c>. The id is 12 hexadecimal digits, and the secret 256 random bits in 43
/// characters of base64url. The prefix lets scanners for secrets find keys.
/// </summary>
/// <param name="Id">The id.</param>
/// <param name="Secret">The secret.</param>
public sealed record KeyText(string Id, string Secret)
{
    private const string Prefix = "brn_";
    private const int IdLength = 12;
    private const int SecretLength = 43;

    /// <summary>The form of a key, for messages.</summary>
    public const string Allowed = "brn_, 12 hexadecimal digits, an underscore, and 43 letters, digits, dashes and underscores";

    /// <summary>Creates a key at random.</summary>
    public static KeyText Create() => new(
        Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(IdLength / 2)), Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)));

    /// <summary>Whether a text looks like a key, valid or not.</summary>
    public static bool IsKey(string text) => text.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>Reads a key's text.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out KeyText? key)
    {
        key = null;
        if (!IsKey(text) || text.Length != Prefix.Length + IdLength + 1 + SecretLength || text[Prefix.Length + IdLength] != '_')
        {
            return false;
        }
        string id = text.Substring(Prefix.Length, IdLength), secret = text[^SecretLength..];
        if (!id.All(char.IsAsciiHexDigitLower) || !secret.All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_'))
        {
            return false;
        }
        key = new KeyText(id, secret);
        return true;
    }

    /// <summary>
    /// Returns the hash under which a secret is stored: its SHA-256 in hexadecimal. A secret of 256 random bits needs no slow hash.
    /// </summary>
    public string Hash() => Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(Secret)));

    /// <summary>Compares the secret with a stored hash, in a time that does not depend on either.</summary>
    public bool Matches(string hash) =>
        CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(Hash()), Encoding.ASCII.GetBytes(hash));

    /// <summary>Returns the key's text.</summary>
    public override string ToString() => $"{Prefix}{Id}_{Secret}";
}
