using System.Text;
using Brownian.Formats.Files;

namespace Brownian.Import.Folders;

/// <summary>
/// The hidden folder of an import that is not complete, with a file that states which import it belongs to. The file is open as long as the import
/// runs, which keeps out a second one.
/// </summary>
public sealed class ImportLock : IDisposable
{
    private const string Name = ".import";

    private readonly FileStream _file;

    private ImportLock(string folder, FileStream file) => (Folder, _file) = (folder, file);

    /// <summary>The folder.</summary>
    public string Folder { get; }

    /// <summary>Returns the hidden folder beside a model's folder.</summary>
    /// <param name="model">The model's folder.</param>
    /// <param name="kind">The end of its name, which tells what is in it.</param>
    public static string FolderOf(string model, string kind)
    {
        string path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(model));
        return Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}.{kind}");
    }

    /// <summary>Takes the hidden folder, which is emptied when it belongs to another import.</summary>
    /// <param name="model">The model's folder.</param>
    /// <param name="kind">The end of the hidden folder's name.</param>
    /// <param name="identity">Equal for the import that left the folder and one that continues it.</param>
    /// <exception cref="ModelException">Another process imports the model now.</exception>
    public static ImportLock Take(string model, string kind, string identity)
    {
        string folder = FolderOf(model, kind);
        Directory.CreateDirectory(folder);
        FileStream file;
        try
        {
            file = new FileStream(Path.Combine(folder, Name), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException exception) when (exception is not (DirectoryNotFoundException or PathTooLongException))
        {
            throw new ModelException($"{model} is imported by another process now; wait for its end, or give the model another name", exception);
        }
        var taken = new ImportLock(folder, file);
        try
        {
            using (var reader = new StreamReader(file, leaveOpen: true))
            {
                if (reader.ReadToEnd() == identity)
                {
                    return taken;
                }
            }
            taken.Empty();
            file.SetLength(0);
            file.Write(Encoding.UTF8.GetBytes(identity));
            file.Flush(flushToDisk: true);
            return taken;
        }
        catch
        {
            taken.Dispose();
            throw;
        }
    }

    /// <summary>Removes the folder.</summary>
    public void Remove()
    {
        Dispose();
        if (Directory.Exists(Folder))
        {
            Directory.Delete(Folder, recursive: true);
        }
    }

    /// <summary>Gives the complete folder its name.</summary>
    /// <param name="path">The path, which does not exist.</param>
    public void Complete(string path)
    {
        Dispose();
        File.Delete(Path.Combine(Folder, Name));
        Directory.Move(Folder, path);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void Empty()
    {
        foreach (string entry in Directory.GetFileSystemEntries(Folder).Where(entry => Path.GetFileName(entry) != Name))
        {
            if (Directory.Exists(entry))
            {
                Directory.Delete(entry, recursive: true);
            }
            else
            {
                File.Delete(entry);
            }
        }
    }
}
