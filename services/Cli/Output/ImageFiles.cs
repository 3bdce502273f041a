using System.Text;
using Brownian.Formats.Files;
using Brownian.Formats.Images;

namespace Brownian.Cli.Output;

/// <summary>The output of a command's images: a file, files with a common name, a folder, or standard output.</summary>
internal sealed class ImageFiles
{
    /// <summary>The maximum length of a file name on common file systems, in bytes.</summary>
    private const int MaxNameLength = 255;

    /// <summary>The number of files that the process began to write: several are written at once.</summary>
    private static int _written;

    private readonly string? _folder;
    private readonly string? _file;

    /// <param name="output">The value of -o; null for names made of prompt and seed.</param>
    /// <exception cref="FieldFaultException">The value is not a valid file name.</exception>
    public ImageFiles(string? output)
    {
        if (output is null)
        {
            return;
        }
        IsNamed = true;
        if (output == "-")
        {
            IsStandardOutput = true;
            return;
        }
        if (output.Length == 0)
        {
            throw new FieldFaultException("--output", output, "a file, a folder (ending in /), or -");
        }
        if (Path.EndsInDirectorySeparator(output) || Directory.Exists(output))
        {
            _folder = output;
            return;
        }
        _file = output;
        NamedFormat = ImageFormats.FormatOf(output);
        int length = Encoding.UTF8.GetByteCount(Path.GetFileName(output));
        if (length > MaxNameLength)
        {
            throw new FieldFaultException(new FieldFault("--output", $"has a file name of {length} bytes; allowed: up to {MaxNameLength}"));
        }
    }

    /// <summary>Whether the caller named the output, so that the names of the files are known.</summary>
    public bool IsNamed { get; }

    /// <summary>Whether the image is written to standard output.</summary>
    public bool IsStandardOutput { get; }

    /// <summary>The format of the file name's extension, or null.</summary>
    public ImageFormat? NamedFormat { get; }

    /// <summary>The file that the caller named; null for a folder, standard output or nothing.</summary>
    public string? NamedFile => _file;

    /// <summary>Whether a file was given whose extension determines no format.</summary>
    public bool NeedsFormat => _file is not null && NamedFormat is null;

    /// <summary>Creates the folder if one was given, and checks that it is writable.</summary>
    /// <exception cref="FieldFaultException">The output is not writable.</exception>
    public void Prepare()
    {
        if (_folder is not null)
        {
            RequireFolder("--output", _folder);
        }
        else if (_file is null && !IsStandardOutput)
        {
            RequireWritable("--output", ".");
        }
        else if (_file is not null && !IsDevice(_file))
        {
            string parent = Path.GetDirectoryName(Target(_file))!;
            if (!Directory.Exists(parent))
            {
                throw new FieldFaultException(new FieldFault("--output", $"the folder {parent} does not exist"));
            }
            RequireWritable("--output", parent);
        }
    }

    /// <summary>Creates a folder and checks that it is writable.</summary>
    /// <param name="option">The option with the folder.</param>
    /// <param name="folder">The folder.</param>
    /// <exception cref="FieldFaultException">The folder cannot be created or is not writable.</exception>
    public static void RequireFolder(string option, string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new FieldFaultException(new FieldFault(option, $"the folder \"{folder}\" cannot be made: {FileReason.Of(exception, folder)}"));
        }
        RequireWritable(option, folder);
    }

    /// <summary>Returns the file name of an image.</summary>
    /// <param name="index">The image's index in the request, from 0.</param>
    /// <param name="count">The number of images of the request.</param>
    /// <param name="text">The text from which a name is made: the request's prompt.</param>
    /// <param name="seed">The image's seed.</param>
    /// <param name="format">The image's format.</param>
    public string Name(int index, int count, string text, ulong seed, ImageFormat format)
    {
        string number = index.ToString("D" + (count - 1).ToString(CultureInfo.InvariantCulture).Length, CultureInfo.InvariantCulture);
        if (_folder is not null)
        {
            return Path.Combine(_folder, number + ImageFormats.Extension(format));
        }
        if (_file is not null)
        {
            return count == 1
                ? _file
                : Path.Combine(Path.GetDirectoryName(_file)!, $"{Path.GetFileNameWithoutExtension(_file)}-{number}{Path.GetExtension(_file)}");
        }
        string stem = string.Create(CultureInfo.InvariantCulture, $"{Slug(text)}-{seed}");
        string name = stem + ImageFormats.Extension(format);
        for (int i = 2; Path.Exists(name); i++)
        {
            name = string.Create(CultureInfo.InvariantCulture, $"{stem}-{i}{ImageFormats.Extension(format)}");
        }
        return name;
    }

    /// <summary>Writes an image to a temporary file and renames it, so that readers never see a partial file.</summary>
    /// <exception cref="IOException">The image could not be written; no file is left behind.</exception>
    public static void Write(string file, byte[] bytes)
    {
        if (IsDevice(file))
        {
            File.WriteAllBytes(file, bytes);
            return;
        }
        string target = Target(file);
        string aside = Path.Combine(
            Path.GetDirectoryName(target)!,
            string.Create(CultureInfo.InvariantCulture, $".brownian.{Environment.ProcessId}.{Interlocked.Increment(ref _written)}.part"));
        try
        {
            using (var stream = new FileStream(aside, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                stream.Write(bytes);
                stream.Flush(flushToDisk: true);
            }
            File.Move(aside, target, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            File.Delete(aside);
            throw new IOException($"{file} cannot be written: {exception.Message.Replace(aside, target, StringComparison.Ordinal)}", exception);
        }
    }

    /// <summary>Whether a file is a device, which is written to and not replaced.</summary>
    private static bool IsDevice(string file) => Path.GetFullPath(file).StartsWith("/dev/", StringComparison.Ordinal);

    /// <summary>Returns the full path of the written file. A link is resolved, so that the link itself stays.</summary>
    private static string Target(string file)
    {
        string path = Path.GetFullPath(file);
        return new FileInfo(path).LinkTarget is null ? path : File.ResolveLinkTarget(path, returnFinalTarget: true)!.FullName;
    }

    private static void RequireWritable(string option, string folder)
    {
        string probe = Path.Combine(folder, $".brownian.{Environment.ProcessId}.part");
        try
        {
            using FileStream stream = File.Create(probe, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            string full = Path.GetFullPath(folder);
            // A file system that takes no new files, such as that of processes, says that the new file is not found.
            string reason = exception is FileNotFoundException ? "it takes no files" : FileReason.Of(exception, probe);
            throw new FieldFaultException(new FieldFault(
                option, $"the folder {full} cannot be written to: {reason.Replace(Path.GetFullPath(probe), full, StringComparison.Ordinal)}"));
        }
    }

    private static string Slug(string text)
    {
        const int MaxLength = 48;
        string letters = new([.. text.ToLowerInvariant().Select(character => char.IsAsciiLetterOrDigit(character) ? character : '-')]);
        string slug = string.Join('-', letters.Split('-', StringSplitOptions.RemoveEmptyEntries));
        slug = slug.Length <= MaxLength ? slug : slug[..MaxLength].TrimEnd('-');
        return slug.Length == 0 ? "picture" : slug;
    }
}
