namespace Brownian.Inference.Engines;

/// <summary>A ControlNet beside one run.</summary>
/// <param name="condition">What the task says.</param>
internal sealed class ControlRun(ControlCondition condition)
{
    public ControlCondition Condition { get; } = condition;

    /// <summary>What the task names; null until the run joined a denoiser.</summary>
    public ControlNet? Net { get; set; }

    /// <summary>Stands for this one and nothing else, so that a binding can tell whose image it holds without holding it twice.</summary>
    public object Identity { get; } = new();
}
