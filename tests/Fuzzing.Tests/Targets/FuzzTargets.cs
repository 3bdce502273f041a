using Brownian.Fuzzing.Tests.Engine;

namespace Brownian.Fuzzing.Tests.Targets;

/// <summary>All targets.</summary>
internal static class FuzzTargets
{
    /// <summary>The targets' constructors by their names.</summary>
    public static IReadOnlyDictionary<string, Func<FuzzTarget>> All { get; } = typeof(FuzzTargets).Assembly.GetTypes()
        .Where(type => type is { IsAbstract: false, Namespace: "Brownian.Fuzzing.Tests.Targets" } && type.IsSubclassOf(typeof(FuzzTarget)))
        .OrderBy(type => type.Name, StringComparer.Ordinal)
        .ToDictionary(FuzzTarget.NameOf, type => (Func<FuzzTarget>)(() => (FuzzTarget)Activator.CreateInstance(type)!), StringComparer.Ordinal);
}
