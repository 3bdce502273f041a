namespace Brownian.Formats.Files;

/// <summary>Says why a file cannot be read or written, as the end of a message that names the file.</summary>
public static class FileReason
{
    /// <summary>Returns the reason.</summary>
    /// <param name="exception">The failure.</param>
    /// <param name="path">The file or folder.</param>
    public static string Of(Exception exception, string path) => exception switch
    {
        FileNotFoundException => "there is no such file",
        DirectoryNotFoundException => "its folder does not exist",
        UnauthorizedAccessException when Directory.Exists(path) && !File.Exists(path) => "it is a folder, or permission is denied",
        UnauthorizedAccessException => "permission is denied",
        ArgumentException => "this is no path of a file",
        _ => exception.Message,
    };
}
