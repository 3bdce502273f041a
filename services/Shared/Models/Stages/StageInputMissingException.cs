namespace Brownian.Models.Stages;

/// <summary>The exception for an output of an earlier stage that no longer exists. That stage must run again.</summary>
/// <param name="source">The <c>stage.output</c> that is missing.</param>
public sealed class StageInputMissingException(string source) : Exception($"{source} no longer exists")
{
    /// <summary>The <c>stage.output</c> that is missing.</summary>
    public string MissingSource { get; } = source;
}
