using System.Text.Json.Serialization;

namespace Brownian.Jobs.Access;

/// <summary>An API key, without its secret, of which only the hash is stored.</summary>
public sealed record ApiKey
{
    /// <summary>The id: 12 hexadecimal digits.</summary>
    public required string Id { get; init; }

    /// <summary>The tenant that its callers act for.</summary>
    public required string Tenant { get; init; }

    /// <summary>A name for people.</summary>
    public string Name { get; init; } = "";

    /// <summary>The role.</summary>
    public Role Role { get; init; }

    /// <summary>The permissions to which the key is restricted; all of its role when empty.</summary>
    public IReadOnlyList<string> Scopes { get; init; } = [];

    /// <summary>The SHA-256 of the secret, in hexadecimal.</summary>
    public required string Hash { get; init; }

    /// <summary>When it was created.</summary>
    public DateTimeOffset Created { get; init; }

    /// <summary>When it ends; null for never.</summary>
    public DateTimeOffset? Expires { get; init; }

    /// <summary>When it was revoked; null when it was not.</summary>
    public DateTimeOffset? Revoked { get; init; }

    /// <summary>What its callers may do.</summary>
    [JsonIgnore]
    public Permission Permissions => Scopes.Count == 0
        ? Roles.PermissionsOf(Role)
        : Roles.PermissionsOf(Role) & Scopes.Aggregate(Permission.None, (sum, scope) => sum | (Access.Scopes.Find(scope) ?? Permission.None));

    /// <summary>Returns the key with its end: at once, or at a time, which never becomes later.</summary>
    internal static ApiKey End(ApiKey key, DateTimeOffset now, DateTimeOffset? expires) => expires is null
        ? key with { Revoked = key.Revoked ?? now }
        : key with { Expires = key.Expires < expires ? key.Expires : expires };

    /// <summary>Whether the key is valid at a time.</summary>
    public bool IsValid(DateTimeOffset now) => Revoked is null && !(Expires <= now);
}
