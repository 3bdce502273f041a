namespace Brownian.Tests.Programs;

/// <summary>Copies of the shipped model, which tests damage.</summary>
internal static class ShippedModel
{
    /// <summary>The model in the repository.</summary>
    public static string Folder { get; } = Repository.Combine("models", "emoji");

    /// <summary>Makes a copy whose files are links to the model's, without some folders or files.</summary>
    /// <param name="target">The copy's folder.</param>
    /// <param name="without">Folders and files that are left out, as relative paths.</param>
    public static string LinkTo(string target, params string[] without)
    {
        foreach (string file in Directory.EnumerateFiles(Folder, "*", SearchOption.AllDirectories))
        {
            string relative = Path.GetRelativePath(Folder, file);
            if (without.Any(left => relative == left || relative.StartsWith(left + "/", StringComparison.Ordinal)))
            {
                continue;
            }
            string copy = Path.Combine(target, relative);
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.CreateSymbolicLink(copy, file);
        }
        return target;
    }
}
