namespace Brownian.Jobs.InProcess;

/// <summary>Writes files atomically: a file exists whole or not at all, even if the process dies or several callers write the same name.</summary>
internal static class AtomicFile
{
    /// <summary>The suffix of files that are being written. Each writer uses a unique file name.</summary>
    public const string Part = ".part";

    /// <summary>
    /// The age from which an unfinished file counts as abandoned by a dead writer: longer than any write takes, even on a slow shared folder.
    /// </summary>
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

    /// <summary>Returns the file's bytes, or null when it does not exist.</summary>
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

    /// <summary>Returns the time stamp of a file, or null when it does not exist.</summary>
    public static DateTimeOffset? StampOf(string file)
    {
        try
        {
            // A file that was deleted in between has the time 1601.
            DateTime time = File.Exists(file) ? File.GetLastWriteTimeUtc(file) : default;
            return time.Year > 1601 ? new DateTimeOffset(time, TimeSpan.Zero) : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unavailable(file, "read", exception);
        }
    }

    /// <summary>Changes the time stamp of a file.</summary>
    /// <returns>False when the file does not exist.</returns>
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
            // It does not exist, which is the requested result.
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

    /// <summary>The files of a folder, including unfinished ones; empty when the folder does not exist.</summary>
    public static string[] FilesIn(string folder) => List(folder, Directory.GetFiles);

    /// <summary>The folders of a folder; empty when it does not exist.</summary>
    public static string[] FoldersIn(string folder) => List(folder, Directory.GetDirectories);

    /// <summary>
    /// Whether a file was left unfinished by a writer that died. Its time stamp may be in the future, so its creation time is compared.
    /// </summary>
    /// <param name="file">The file.</param>
    /// <param name="now">The machine's time, by which creation times are set.</param>
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

    /// <summary>Removes the remains of a failed write. If that fails too, they are removed once they count as abandoned.</summary>
    private static void Forget(string aside)
    {
        try
        {
            File.Delete(aside);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The first failure is the one to report.
        }
    }

    private static PlatformUnavailableException Unavailable(string file, string done, Exception exception) =>
        new(PlatformPart.FileStore, $"{file} cannot be {done}: {exception.Message}", exception);
}
