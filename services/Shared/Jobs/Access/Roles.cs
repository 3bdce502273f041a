namespace Brownian.Jobs.Access;

/// <summary>The names and permissions of roles.</summary>
public static class Roles
{
    private static readonly Dictionary<string, Role> Known =
        Enum.GetValues<Role>().ToDictionary(role => role.ToString().ToLowerInvariant(), StringComparer.Ordinal);

    /// <summary>All names, for messages.</summary>
    public static string Allowed { get; } = string.Join(", ", Known.Keys);

    /// <summary>Returns a role's name.</summary>
    public static string NameOf(Role role) => role.ToString().ToLowerInvariant();

    /// <summary>Returns the role of a name; null for an unknown name.</summary>
    public static Role? Find(string name) => Known.TryGetValue(name, out Role role) ? role : null;

    /// <summary>Returns the permissions of a role.</summary>
    public static Permission PermissionsOf(Role role) => role switch
    {
        Role.User => Permission.Read | Permission.Generate,
        Role.Operator => PermissionsOf(Role.User) | Permission.Stages | Permission.Metrics | Permission.Operate,
        Role.Admin => PermissionsOf(Role.Operator) | Permission.Administer,
        _ => Permission.None,
    };
}
