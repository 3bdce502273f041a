namespace Brownian.Jobs.InProcess;

/// <summary>Files that are there whole or not at all, whenever the process dies and however many callers write one name.</summary>
internal static class AtomicFile
{
    /// <summary>How files end that are being written. Each writer has a name of its own.</summary>
    public const string Part = ".part";

    /// <summary>How old a file that is being written is when its writer has died: longer than any write takes, on a slow shared folder too.</summary>
    public static readonly TimeSpan Abandoned = TimeSpan.FromHours(1);

    /// <exception cref="PlatformUnavailableException">The disk is full, or the folder cannot be written to.</exception>
    public static async Task WriteAsync(string file, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken, DateTimeOffset? stamp = null)
    {
        string aside = $"{file}.{Guid.NewGuid():n}{Part}";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            try
            {
                await using (var stream = new FileStream(aside, FileMode.CreateNew, FileAccess.Write, FileShare.None))
                {
                    await stream.WriteAsync(bytes, cancellationToken).ConfigureAwait(false);
                    stream.Flush(flushToDisk: true);
                }
                if (stamp is { } time)
                {
                    File.SetLastWriteTimeUtc(aside, time.UtcDateTime);
                }
                File.Move(aside, file, overwrite: true);
            }
            catch
            {
                Forget(aside);
                throw;
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unavailable(file, "written", exception);
        }
    }

    /// <summary>The file's bytes; null when it is not there.</summary>
    public static async Task<byte[]?> ReadAsync(string file, CancellationToken cancellationToken)
    {
        try
        {
            return await File.ReadAllBytesAsync(file, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unavailable(file, "read", exception);
        }
    }

    /// <summary>The time that a file was stamped with; null when it is not there.</summary>
    public static DateTimeOffset? StampOf(string file)
    {
        try
        {
            // A file that went meanwhile has the time 1601.
            DateTime time = File.Exists(file) ? File.GetLastWriteTimeUtc(file) : default;
            return time.Year > 1601 ? new DateTimeOffset(time, TimeSpan.Zero) : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unavailable(file, "read", exception);
        }
    }

    /// <summary>Stamps a file with another time.</summary>
    /// <returns>False when it is not there.</returns>
    public static bool TryStamp(string file, DateTimeOffset stamp)
    {
        try
        {
            File.SetLastWriteTimeUtc(file, stamp.UtcDateTime);
            return true;
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unavailable(file, "written", exception);
        }
    }

    public static void Delete(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (DirectoryNotFoundException)
        {
            // It is gone: that is what was asked for.
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unavailable(file, "deleted", exception);
        }
    }

    public static void DeleteFolder(string folder)
    {
        try
        {
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unavailable(folder, "deleted", exception);
        }
    }

    /// <summary>The files of a folder, whole ones and those that are being written; none where it is not there.</summary>
    public static string[] FilesIn(string folder) => List(folder, Directory.GetFiles);

    /// <summary>The folders of a folder; none where it is not there.</summary>
    public static string[] FoldersIn(string folder) => List(folder, Directory.GetDirectories);

    /// <summary>Whether a file was being written by a process that died since. Its stamp may be one of the future; its creation tells.</summary>
    /// <param name="file">The file.</param>
    /// <param name="now">The machine's time, which files are created by.</param>
    public static bool IsAbandoned(string file, DateTimeOffset now)
    {
        try
        {
            return file.EndsWith(Part, StringComparison.Ordinal) && File.GetCreationTimeUtc(file) < (now - Abandoned).UtcDateTime
                && File.Exists(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unavailable(file, "read", exception);
        }
    }

    private static string[] List(string folder, Func<string, string[]> list)
    {
        try
        {
            return Directory.Exists(folder) ? list(folder) : [];
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unavailable(folder, "read", exception);
        }
    }

    /// <summary>Removes what a failed write left; where that fails too it is removed when it is old.</summary>
    private static void Forget(string aside)
    {
        try
        {
            File.Delete(aside);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The first failure is the one to tell.
        }
    }

    private static PlatformUnavailableException Unavailable(string file, string done, Exception exception) =>
        new(PlatformPart.FileStore, $"{file} cannot be {done}: {exception.Message}", exception);
}
