namespace Brownian.Requests.References;

/// <summary>What adapters are called: by their files' names.</summary>
public static class AdapterNames
{
    /// <summary>What their files end in.</summary>
    public const string Ending = ".safetensors";

    /// <summary>A file's or folder's name without those that it lies in.</summary>
    public static string FileNameOf(string path) => Path.GetFileName(Path.TrimEndingDirectorySeparator(path));

    /// <summary>The same without the ending of adapters' files.</summary>
    public static string NameOf(string path)
    {
        string name = FileNameOf(path);
        return name.EndsWith(Ending, StringComparison.Ordinal) && name.Length > Ending.Length ? name[..^Ending.Length] : name;
    }
}
