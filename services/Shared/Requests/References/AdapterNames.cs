namespace Brownian.Requests.References;

/// <summary>The names of adapters, which are derived from their file names.</summary>
public static class AdapterNames
{
    /// <summary>The extension of adapter files.</summary>
    public const string Ending = ".safetensors";

    /// <summary>Returns the name of a file or folder without its parent folders.</summary>
    public static string FileNameOf(string path) => Path.GetFileName(Path.TrimEndingDirectorySeparator(path));

    /// <summary>Returns the name of a file or folder without its parent folders and the extension of adapter files.</summary>
    public static string NameOf(string path)
    {
        string name = FileNameOf(path);
        return name.EndsWith(Ending, StringComparison.Ordinal) && name.Length > Ending.Length ? name[..^Ending.Length] : name;
    }
}
