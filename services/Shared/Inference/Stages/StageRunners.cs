using Brownian.Inference.Engines;
using Brownian.Models.Stages;

namespace Brownian.Inference.Stages;

/// <summary>The runners of every stage kind.</summary>
public static class StageRunners
{
    /// <summary>The factories of the runners, for any engines.</summary>
    public static IReadOnlyList<Func<IEngines, IStageRunner>> Makers { get; } =
    [
        static engines => new TextEncodeRunner(engines),
        static engines => new ImageEncodeRunner(engines),
        static engines => new VaeEncodeRunner(engines),
        static engines => new DenoiseRunner(engines),
        static engines => new VaeDecodeRunner(engines),
        static _ => new WriteRunner(),
    ];

    /// <summary>Creates one runner of each kind.</summary>
    /// <param name="engines">The engines.</param>
    public static IReadOnlyList<IStageRunner> All(IEngines engines) => [.. Makers.Select(make => make(engines))];
}
