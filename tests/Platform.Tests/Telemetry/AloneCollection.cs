namespace Brownian.Platform.Tests.Telemetry;

/// <summary>
/// Tests with nothing beside them: nodes of one process share its instruments by their names, and one that ends takes them along. A process
/// of its own has one node.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}
