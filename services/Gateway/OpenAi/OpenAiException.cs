namespace Brownian.Gateway.OpenAi;

/// <summary>An error with a code of OpenAI's API.</summary>
/// <param name="httpStatus">The HTTP status.</param>
/// <param name="code">The code.</param>
/// <param name="param">The field that it is about; null for none.</param>
/// <param name="message">The message.</param>
internal sealed class OpenAiException(int httpStatus, string code, string? param, string message) : Exception(message)
{
    /// <summary>The HTTP status.</summary>
    public int HttpStatus => httpStatus;

    /// <summary>The code.</summary>
    public string Code => code;

    /// <summary>The field that it is about; null for none.</summary>
    public string? Param => param;
}
