namespace Brownian.Formats.Files;

/// <summary>Thrown when a model's folder or file cannot be used. The message is one sentence that contains its name and the remedy.</summary>
public sealed class ModelException : Exception
{
    /// <param name="message">The file and its fault.</param>
    /// <param name="inner">The cause.</param>
    public ModelException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
