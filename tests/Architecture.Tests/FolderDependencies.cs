using Assembly = System.Reflection.Assembly;

namespace Brownian.Architecture.Tests;

/// <summary>The dependencies between the folders of an assembly, found by their namespaces.</summary>
internal static class FolderDependencies
{
    /// <summary>Every pair of folders, the first of which depends on the second.</summary>
    public static IReadOnlySet<(string From, string To)> Of(ArchUnitNET.Domain.Architecture code, Assembly assembly) =>
    (
        from type in code.Types
        where IsIn(type, assembly)
        from other in type.Dependencies
        where IsIn(other.Target, assembly) && other.Target.Namespace.FullName != type.Namespace.FullName
        select (type.Namespace.FullName, other.Target.Namespace.FullName)).ToHashSet();

    /// <summary>The folders that are in a cycle, sorted by name.</summary>
    public static IReadOnlyList<string> Cycles(IEnumerable<(string From, string To)> dependencies)
    {
        // A folder without dependencies, or on which none depends, is in no cycle and is removed.
        HashSet<(string From, string To)> left = [.. dependencies];
        while (left.RemoveWhere(dependency => left.All(other => other.From != dependency.To)) > 0
            || left.RemoveWhere(dependency => left.All(other => other.To != dependency.From)) > 0)
        {
        }
        return [.. left.SelectMany(dependency => (string[])[dependency.From, dependency.To]).Distinct().Order(StringComparer.Ordinal)];
    }

    private static bool IsIn(ArchUnitNET.Domain.IType type, Assembly assembly) =>
        type.Assembly?.Name == assembly.GetName().Name && type.Namespace?.FullName.StartsWith("Brownian.", StringComparison.Ordinal) == true;
}
