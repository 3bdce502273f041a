namespace Brownian.Formats.Files;

/// <summary>The space that is left on disks.</summary>
public static class DiskSpace
{
    /// <summary>Returns the free bytes of the disk of a folder, which exists.</summary>
    public static long Left(string folder) => new DriveInfo(folder).AvailableFreeSpace;

    /// <summary>Returns what a disk lacks, as the end of a sentence about what is written; null when it has enough.</summary>
    /// <param name="bytes">The bytes that are written.</param>
    /// <param name="left">The bytes that the disk has left.</param>
    public static string? Shortage(long bytes, long left) => bytes <= left ? null : string.Create(
        CultureInfo.InvariantCulture, $"needs {bytes / 1e6:0} MB, but its disk has {left / 1e6:0} MB left");

    /// <summary>Requires that a disk has space.</summary>
    /// <param name="what">What is written, which begins the message.</param>
    /// <param name="bytes">The bytes that are written.</param>
    /// <param name="left">The bytes that the disk has left.</param>
    /// <exception cref="ModelException">The disk has less.</exception>
    public static void Require(string what, long bytes, long left)
    {
        if (Shortage(bytes, left) is { } shortage)
        {
            throw new ModelException($"{what} {shortage}");
        }
    }
}
