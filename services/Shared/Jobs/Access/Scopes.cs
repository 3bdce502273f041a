namespace Brownian.Jobs.Access;

/// <summary>The names of permissions, by which keys are restricted: scopes.</summary>
public static class Scopes
{
    private static readonly (string Name, Permission Permission)[] Known =
    [
        ("read", Permission.Read),
        ("generate", Permission.Generate),
        ("stages", Permission.Stages),
        ("metrics", Permission.Metrics),
        ("operate", Permission.Operate),
        ("admin", Permission.Administer),
    ];

    /// <summary>All names, for messages.</summary>
    public static string Allowed { get; } = string.Join(", ", Known.Select(known => known.Name));

    /// <summary>Returns the names of permissions.</summary>
    public static IReadOnlyList<string> NamesOf(Permission permissions) =>
        [.. Known.Where(known => permissions.HasFlag(known.Permission)).Select(known => known.Name)];

    /// <summary>Returns the permission of a scope; null for an unknown name.</summary>
    public static Permission? Find(string name) => Known.FirstOrDefault(known => known.Name == name) is { Name: not null } scope
        ? scope.Permission
        : null;
}
