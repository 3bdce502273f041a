using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Brownian.Formats.Files;

namespace Brownian.Models.Folders;

/// <summary>Identifies a model's files: a hash over every file of the folder. Two models of one name have different fingerprints.</summary>
public static class ModelFingerprint
{
    /// <summary>Computes the fingerprint of a folder on disk. Reads every byte: gigabytes take seconds.</summary>
    /// <returns>Hexadecimal SHA-256 over the files' relative paths, lengths and hashes, in the paths' order.</returns>
    /// <exception cref="ModelException">A file cannot be read.</exception>
    public static string Compute(ModelFolder model) => Compute(model.FolderPath, model.Precision);

    /// <summary>Computes the fingerprint of a folder's files when the graphs of a precision are used; null for the default graphs.</summary>
    /// <exception cref="ModelException">A file cannot be read.</exception>
    public static string Compute(string folder, string? precision)
    {
        try
        {
            using var whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            Span<byte> length = stackalloc byte[sizeof(long)];
            (string Path, string File)[] files =
            [
                .. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
                    .Select(file => (Path.GetRelativePath(folder, file).Replace('\\', '/'), file))
                    .Where(entry => !entry.Item1.Split('/').Any(part => part.StartsWith('.')))
                    .OrderBy(entry => entry.Item1, StringComparer.Ordinal),
            ];
            foreach ((string path, string file) in files)
            {
                using FileStream stream = File.OpenRead(file);
                byte[] name = Encoding.UTF8.GetBytes(path);
                BinaryPrimitives.WriteInt64LittleEndian(length, name.Length);
                whole.AppendData(length);
                whole.AppendData(name);
                BinaryPrimitives.WriteInt64LittleEndian(length, stream.Length);
                whole.AppendData(length);
                whole.AppendData(SHA256.HashData(stream));
            }
            if (precision is not null)
            {
                // The files are the same, but other graphs among them are used.
                whole.AppendData(Encoding.UTF8.GetBytes("precision:" + precision));
            }
            return Convert.ToHexStringLower(whole.GetHashAndReset());
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"The folder {folder} cannot be read: {exception.Message}", exception);
        }
    }
}
