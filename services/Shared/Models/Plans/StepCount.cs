using System.Text.Json.Nodes;

namespace Brownian.Models.Plans;

/// <summary>Counts a run in the steps that a request asked for. Some schedulers call the model several times for a step.</summary>
public static class StepCount
{
    /// <summary>Returns the step of an evaluation, and the number of steps.</summary>
    /// <param name="stage">The stage that denoises.</param>
    /// <param name="evaluation">The number of evaluations made, 0 and more.</param>
    /// <param name="evaluations">The number of all evaluations of the run.</param>
    /// <returns>
    /// The steps begun, and all of them: those that the request asked for, where the run has more evaluations than these; otherwise the evaluations,
    /// for example of an image to image run, which leaves out its first steps.
    /// </returns>
    public static (int Step, int Steps) At(PlanStage stage, int evaluation, int evaluations) =>
        stage.Settings["sampling"]?["steps"] is JsonValue value && value.TryGetValue(out int steps) && steps > 0 && evaluations > steps
            ? ((int)Math.Ceiling((double)evaluation * steps / evaluations), steps)
            : (evaluation, evaluations);
}
