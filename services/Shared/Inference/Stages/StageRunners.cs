using Brownian.Inference.Engines;
using Brownian.Models.Stages;

namespace Brownian.Inference.Stages;

/// <summary>The runners of every stage kind.</summary>
public static class StageRunners
{
    /// <summary>The factories of the runners, one for each kind.</summary>
    public static IReadOnlyList<StageRunnerFactory> Factories { get; } =
    [
        new(static engines => new TextEncodeRunner(engines)),
        new(static engines => new ImageEncodeRunner(engines)),
        new(static engines => new VaeEncodeRunner(engines)),
        new(static engines => new DenoiseRunner(engines)),
        new(static engines => new VaeDecodeRunner(engines)),
        new(static _ => new WriteRunner()),
    ];

    /// <summary>Creates one runner of each kind.</summary>
    /// <param name="engines">The engines.</param>
    public static IReadOnlyList<IStageRunner> All(IEngines engines) => [.. Factories.Select(factory => factory.Create(engines))];
}
