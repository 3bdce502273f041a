namespace Brownian.Models.Plans;

/// <summary>A text of a prompt that changes during a run.</summary>
/// <param name="LastStep">The last step that it is used in, from 1.</param>
/// <param name="Input">The stage's input that is its embedding; where the model takes pooled ones, that of the name with
/// <see cref="TextEncodeSettings.PooledSuffix"/>.</param>
public sealed record PromptStep(int LastStep, string Input);
