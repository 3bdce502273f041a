using Brownian.Testing.Processes;

namespace Brownian.Platform.Tests.Javascript;

/// <summary>The example client.</summary>
public sealed class ExampleProject() : NodeProject(Repository.Combine("tests", "Platform.Tests", "Javascript"));
