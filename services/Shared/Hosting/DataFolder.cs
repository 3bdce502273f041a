namespace Brownian.Hosting;

/// <summary>
/// The data folder of one process, which no other process uses at the same time. The folder is locked by the operating system; the lock ends with the
/// process, however the process ends. A new folder is for its user alone, because it contains prompts, images and the secret of signed links.
/// </summary>
internal sealed class DataFolder : IDisposable
{
    private const string LockFile = "lock";

    private readonly FileStream _lock;

    /// <summary>Creates the folder when it does not exist, and locks it.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="FieldFaultException">The folder cannot be created or written, or another process uses it.</exception>
    public DataFolder(string folder)
    {
        try
        {
            Create(folder);
            _lock = new FileStream(Path.Combine(folder, LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException exception) when (IsHeld(exception))
        {
            throw Fault($"{folder} is used by another process; stop that one, or choose another folder with --data FOLDER (or this setting)");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Fault($"{folder} cannot be used: {exception.Message}");
        }
        FullPath = folder;
    }

    /// <summary>The folder's path.</summary>
    public string FullPath { get; }

    /// <summary>Whether other users of the machine can read the folder.</summary>
    public bool IsOpen => !OperatingSystem.IsWindows() && (File.GetUnixFileMode(FullPath) & Others) != 0;

    private static UnixFileMode Others => UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <inheritdoc/>
    public void Dispose() => _lock.Dispose();

    private static void Create(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    /// <summary>Whether another process has the file open: a sharing violation on Windows, EAGAIN on Linux and on macOS.</summary>
    private static bool IsHeld(IOException exception) => exception.HResult is unchecked((int)0x80070020) or 11 or 35;

    private static FieldFaultException Fault(string problem) =>
        new(new FieldFault(PlatformOptions.Field(nameof(PlatformOptions.DataFolder)), problem));
}
