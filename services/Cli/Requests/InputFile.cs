using Brownian.Formats.Files;

namespace Brownian.Cli.Requests;

/// <summary>Reads files that options name.</summary>
internal static class InputFile
{
    /// <summary>Returns a file's bytes.</summary>
    /// <exception cref="FieldFaultException">The file cannot be read.</exception>
    public static byte[] ReadAll(string file, string option)
    {
        try
        {
            return File.ReadAllBytes(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new FieldFaultException(new FieldFault(option, $"\"{file}\" cannot be read: {FileReason.Of(exception, file)}"));
        }
    }
}
