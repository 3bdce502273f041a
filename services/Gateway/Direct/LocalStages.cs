using System.Collections.Frozen;
using Brownian.Models.Stages;

namespace Brownian.Gateway.Direct;

/// <summary>Runs stages with the runners of this process.</summary>
/// <param name="runners">The runners, one for each kind.</param>
public sealed class LocalStages(IReadOnlyList<IStageRunner> runners) : IDirectStages
{
    private readonly FrozenDictionary<string, IStageRunner> _runners = runners.ToFrozenDictionary(runner => runner.Kind);

    /// <inheritdoc/>
    public Task RunAsync(DirectContext context, CancellationToken cancellationToken) =>
        _runners[context.Stage.Kind].RunAsync(context, cancellationToken);
}
