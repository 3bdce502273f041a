using System.Text;
using Brownian.Formats.Images;

namespace Brownian.Cli.Output;

/// <summary>Where the images of one command go: a file, files of one name, a folder, or standard output.</summary>
internal sealed class ImageFiles
{
    /// <summary>The most bytes of a file's name on the usual file systems.</summary>
    private const int MaxNameLength = 255;

    private readonly string? _folder;
    private readonly string? _file;

    /// <param name="output">What -o says; null for names made of prompt and seed.</param>
    /// <exception cref="FieldFaultException">No file can have that name.</exception>
    public ImageFiles(string? output)
    {
        if (output is null)
        {
            return;
        }
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

    /// <summary>Whether the image goes to standard output.</summary>
    public bool IsStandardOutput { get; }

    /// <summary>The format that the file's ending says, or null.</summary>
    public ImageFormat? NamedFormat { get; }

    /// <summary>Whether a file was named without an ending that says its format.</summary>
    public bool NeedsFormat => _file is not null && NamedFormat is null;

    /// <summary>Makes the folder where one was named, and checks that it can be written to.</summary>
    /// <exception cref="FieldFaultException">The place cannot be written to.</exception>
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

    /// <summary>Makes a folder and checks that it can be written to.</summary>
    /// <param name="option">The option that named it.</param>
    /// <param name="folder">The folder.</param>
    /// <exception cref="FieldFaultException">It cannot.</exception>
    public static void RequireFolder(string option, string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new FieldFaultException(new FieldFault(option, $"the folder \"{folder}\" cannot be made: {exception.Message}"));
        }
        RequireWritable(option, folder);
    }

    /// <summary>The file of an image.</summary>
    /// <param name="index">Its place in the request, from 0.</param>
    /// <param name="count">The request's images.</param>
    /// <param name="text">What a name is made of: the request's prompt.</param>
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

    /// <summary>Writes an image aside and renames it, so that no reader ever sees half of one.</summary>
    /// <exception cref="IOException">It could not be written; nothing is left behind.</exception>
    public static void Write(string file, byte[] bytes)
    {
        if (IsDevice(file))
        {
            File.WriteAllBytes(file, bytes);
            return;
        }
        string target = Target(file);
        string aside = Path.Combine(Path.GetDirectoryName(target)!, $".brownian.{Environment.ProcessId}.part");
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
            throw new IOException($"{file} cannot be written: {exception.Message}", exception);
        }
    }

    /// <summary>Devices are written to, not replaced.</summary>
    private static bool IsDevice(string file) => Path.GetFullPath(file).StartsWith("/dev/", StringComparison.Ordinal);

    /// <summary>The whole path of what is written: where a link leads, so that the link stays.</summary>
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
            throw new FieldFaultException(new FieldFault(option, $"the folder {Path.GetFullPath(folder)} cannot be written to: {exception.Message}"));
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
