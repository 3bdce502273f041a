using Brownian.Inference.Engines;

namespace Brownian.Inference.Stages;

/// <summary>The runners of every stage kind that there is one for.</summary>
public static class StageRunners
{
    /// <summary>One of each.</summary>
    /// <param name="engines">Where engines are.</param>
    public static IReadOnlyList<IStageRunner> All(IEngines engines) =>
        [new TextEncodeRunner(engines), new VaeEncodeRunner(engines), new DenoiseRunner(engines), new VaeDecodeRunner(engines), new WriteRunner()];
}
