using Brownian.Jobs.Costs;
using Brownian.Jobs.Records;
using Brownian.V1;

namespace Brownian.Gateway.Direct;

/// <summary>Counts what of its pixel-steps a direct call has evaluated, by its events.</summary>
/// <param name="definition">The plan.</param>
internal sealed class DirectProgress(JobDefinition definition)
{
    private readonly IReadOnlyList<StageWork> _work = StageWork.Of(definition.Plan);
    private readonly Dictionary<string, long> _units = new(StringComparer.Ordinal);
    private bool _hasStarted;

    /// <summary>The number of images.</summary>
    public int Images { get; private set; }

    /// <summary>The pixel-steps that were not evaluated.</summary>
    public long Unspent => PixelSteps.Left(definition.PixelSteps, definition.Plan, _work, UnitsLeft, _hasStarted);

    /// <summary>Counts an event.</summary>
    public void Add(JobEvent update)
    {
        switch (update.EventCase)
        {
            case JobEvent.EventOneofCase.StageStarted:
                _hasStarted = true;
                break;
            case JobEvent.EventOneofCase.Progress:
                _units[update.Progress.Stage] = ((long)update.Progress.Picture * update.Progress.Evaluations) + update.Progress.Evaluation;
                break;
            case JobEvent.EventOneofCase.StageCompleted:
                _units[update.StageCompleted.Stage] = long.MaxValue;
                break;
            case JobEvent.EventOneofCase.Artifact:
                Images++;
                break;
        }
    }

    private long UnitsLeft(int stage) => Math.Max(0, _work[stage].Units - _units.GetValueOrDefault(definition.Plan.Stages[stage].Name));
}
