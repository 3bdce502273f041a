namespace Brownian.Requests.Prompts;

/// <summary>How a prompt's text is read.</summary>
public enum PromptSyntax
{
    /// <summary>As it stands.</summary>
    Plain,

    /// <summary>With AUTOMATIC1111's brackets, colons, AND and BREAK.</summary>
    A1111,
}
