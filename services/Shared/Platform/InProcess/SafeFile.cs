namespace Brownian.Platform.InProcess;

/// <summary>Files that are there whole or not at all, whenever the process dies.</summary>
internal static class SafeFile
{
    /// <summary>How files end that are being written.</summary>
    public const string Part = ".part";

    /// <exception cref="PlatformUnavailableException">The disk is full, or the folder cannot be written to.</exception>
    public static async Task WriteAsync(string file, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken, DateTimeOffset? stamp = null)
    {
        string aside = file + Part;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            await using (var stream = new FileStream(aside, FileMode.Create, FileAccess.Write, FileShare.None))
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
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new PlatformUnavailableException($"{file} cannot be written: {exception.Message}", exception);
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
            throw new PlatformUnavailableException($"{file} cannot be read: {exception.Message}", exception);
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
            throw new PlatformUnavailableException($"{file} cannot be deleted: {exception.Message}", exception);
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
            throw new PlatformUnavailableException($"{folder} cannot be deleted: {exception.Message}", exception);
        }
    }
}
