namespace Brownian.Platform.Tests.Telemetry;

/// <summary>
/// Tests that run with no others beside them: the nodes of one process share instruments by their names, and a node that ends disposes them.
/// A process of its own has one node.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}
