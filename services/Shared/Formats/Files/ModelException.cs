namespace Brownian.Formats.Files;

/// <summary>A model's folder or file cannot be used as it is. The message is one sentence that names it and says what to do.</summary>
public sealed class ModelException : Exception
{
    /// <param name="message">What is wrong with which file.</param>
    /// <param name="inner">What caused it.</param>
    public ModelException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
