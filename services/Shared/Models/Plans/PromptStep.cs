namespace Brownian.Models.Plans;

/// <summary>A text of a prompt that changes during a run.</summary>
/// <param name="LastStep">The last step that uses the text, from 1.</param>
/// <param name="Input">
/// The stage's input that contains the text's embedding. For models with pooled embeddings, the pooled one is in the input of this name with
/// <see cref="TextEncodeSettings.PooledSuffix"/>.
/// </param>
public sealed record PromptStep(int LastStep, string Input);
