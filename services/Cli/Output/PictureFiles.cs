using Brownian.Inference.Images;
using Brownian.Inference.Requests;

namespace Brownian.Cli.Output;

/// <summary>Where the pictures of one command go: a file, files of one name, a folder, or standard output.</summary>
internal sealed class PictureFiles
{
    private readonly string? _folder;
    private readonly string? _file;

    /// <param name="output">What -o says; null for names made of prompt and seed.</param>
    /// <exception cref="FieldFaultException">The place cannot be written to.</exception>
    public PictureFiles(string? output)
    {
        if (output is null)
        {
            _folder = null;
            RequireWritable(".");
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
            try
            {
                Directory.CreateDirectory(output);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                throw new FieldFaultException(new FieldFault("--output", $"the folder {output} cannot be made: {exception.Message}"));
            }
            RequireWritable(output);
            return;
        }
        _file = (File.Exists(output) ? File.ResolveLinkTarget(output, returnFinalTarget: true)?.FullName : null) ?? output;
        NamedFormat = ImageFile.FormatOf(_file);
        if (!IsDevice(_file))
        {
            string parent = Path.GetDirectoryName(Path.GetFullPath(_file))!;
            if (!Directory.Exists(parent))
            {
                throw new FieldFaultException(new FieldFault("--output", $"the folder {parent} does not exist"));
            }
            RequireWritable(parent);
        }
    }

    /// <summary>Whether the picture goes to standard output.</summary>
    public bool IsStandardOutput { get; }

    /// <summary>The format that the file's ending says, or null.</summary>
    public ImageFormat? NamedFormat { get; }

    /// <summary>Whether a file was named without an ending that says its format.</summary>
    public bool NeedsFormat => _file is not null && NamedFormat is null;

    /// <summary>The file of a picture.</summary>
    /// <param name="index">Its place in the request, from 0.</param>
    /// <param name="count">The request's pictures.</param>
    /// <param name="prompt">The request's prompt.</param>
    /// <param name="seed">The picture's seed.</param>
    /// <param name="format">The picture's format.</param>
    public string Name(int index, int count, string prompt, ulong seed, ImageFormat format)
    {
        string number = index.ToString("D" + (count - 1).ToString(CultureInfo.InvariantCulture).Length, CultureInfo.InvariantCulture);
        if (_folder is not null)
        {
            return Path.Combine(_folder, number + ImageFile.Extension(format));
        }
        if (_file is not null)
        {
            return count == 1 ? _file : Path.Combine(Path.GetDirectoryName(_file)!, $"{Path.GetFileNameWithoutExtension(_file)}-{number}{Path.GetExtension(_file)}");
        }
        string stem = string.Create(CultureInfo.InvariantCulture, $"{Slug(prompt)}-{seed}");
        string name = stem + ImageFile.Extension(format);
        for (int i = 2; File.Exists(name); i++)
        {
            name = string.Create(CultureInfo.InvariantCulture, $"{stem}-{i}{ImageFile.Extension(format)}");
        }
        return name;
    }

    /// <summary>Writes a picture aside and renames it, so that no reader ever sees half of one.</summary>
    /// <exception cref="IOException">It could not be written; nothing is left behind.</exception>
    public static void Write(string file, byte[] bytes)
    {
        if (IsDevice(file))
        {
            File.WriteAllBytes(file, bytes);
            return;
        }
        string aside = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file))!, $".{Path.GetFileName(file)}.{Environment.ProcessId}.part");
        try
        {
            using (var stream = new FileStream(aside, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                stream.Write(bytes);
                stream.Flush(flushToDisk: true);
            }
            File.Move(aside, file, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            File.Delete(aside);
            throw new IOException($"{file} cannot be written: {exception.Message}", exception);
        }
    }

    /// <summary>Devices are written to, not replaced.</summary>
    private static bool IsDevice(string file) => Path.GetFullPath(file).StartsWith("/dev/", StringComparison.Ordinal);

    private static void RequireWritable(string folder)
    {
        string probe = Path.Combine(folder, $".brownian.{Environment.ProcessId}.part");
        try
        {
            using FileStream stream = File.Create(probe, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new FieldFaultException(new FieldFault("--output", $"the folder {Path.GetFullPath(folder)} cannot be written to: {exception.Message}"));
        }
    }

    private static string Slug(string prompt)
    {
        const int Longest = 48;
        string letters = new([.. prompt.ToLowerInvariant().Select(character => char.IsAsciiLetterOrDigit(character) ? character : '-')]);
        string slug = string.Join('-', letters.Split('-', StringSplitOptions.RemoveEmptyEntries));
        slug = slug.Length <= Longest ? slug : slug[..Longest].TrimEnd('-');
        return slug.Length == 0 ? "picture" : slug;
    }
}
