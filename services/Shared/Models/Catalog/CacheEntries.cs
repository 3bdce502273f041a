using Brownian.Formats.Files;

namespace Brownian.Models.Catalog;

/// <summary>The folders of a cache, one for each entry. The time of an entry's folder is that of its last use.</summary>
public static class CacheEntries
{
    /// <summary>Notes that an entry is used. A cache that cannot be written to forgets when.</summary>
    /// <param name="entry">The entry's folder.</param>
    public static void Touch(string entry)
    {
        try
        {
            Directory.SetLastWriteTimeUtc(entry, DateTime.UtcNow);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The entry belongs to another user, and its time stays.
        }
    }

    /// <summary>Removes entries, and what stopped writers left.</summary>
    /// <param name="folder">The folder of the cache. It may not exist.</param>
    /// <param name="unusedSince">Only those that were not used since; null for all.</param>
    /// <returns>The folders that were removed, with their sizes in bytes.</returns>
    /// <exception cref="ModelException">A folder cannot be removed.</exception>
    public static IReadOnlyList<(string Folder, long Bytes)> Prune(string folder, DateTime? unusedSince)
    {
        var removed = new List<(string, long)>();
        if (!Directory.Exists(folder))
        {
            return removed;
        }
        try
        {
            foreach (string entry in Directory.GetDirectories(folder).Order(StringComparer.Ordinal))
            {
                if (unusedSince is null || Directory.GetLastWriteTimeUtc(entry) < unusedSince)
                {
                    long bytes = Directory.EnumerateFiles(entry, "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length);
                    Directory.Delete(entry, recursive: true);
                    removed.Add((entry, bytes));
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"the cache {folder} cannot be pruned: {exception.Message}", exception);
        }
        return removed;
    }
}
