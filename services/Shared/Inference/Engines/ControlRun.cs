namespace Brownian.Inference.Engines;

/// <summary>A ControlNet of one run.</summary>
/// <param name="condition">The ControlNet's settings in the task.</param>
internal sealed class ControlRun(ControlCondition condition)
{
    public ControlCondition Condition { get; } = condition;

    /// <summary>The ControlNet that the task names; null until the run joined a denoiser.</summary>
    public ControlNet? Net { get; set; }

    /// <summary>A unique object for this run, by which a binding remembers whose image its rows contain without holding the image.</summary>
    public object Identity { get; } = new();
}
