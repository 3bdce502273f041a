namespace Brownian.Requests.Prompts;

/// <summary>The syntax of a prompt.</summary>
public enum PromptSyntax
{
    /// <summary>Plain text.</summary>
    Plain,

    /// <summary>AUTOMATIC1111's syntax with brackets, colons, AND and BREAK.</summary>
    A1111,
}
