using Microsoft.Win32.SafeHandles;

namespace Brownian.Formats.Files;

/// <summary>Reads parts of an open file.</summary>
public static class FilePart
{
    /// <summary>Fills a buffer.</summary>
    /// <param name="handle">The file.</param>
    /// <param name="position">The position of the first byte.</param>
    /// <param name="bytes">Receives the bytes.</param>
    /// <param name="name">The file's name in messages.</param>
    /// <exception cref="ModelException">The file ends before.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static void Read(SafeFileHandle handle, long position, Span<byte> bytes, string name)
    {
        while (!bytes.IsEmpty)
        {
            int read = RandomAccess.Read(handle, bytes, position);
            if (read == 0)
            {
                throw new ModelException($"{name} ends at byte {position}, where more should follow: the download or the copy did not finish");
            }
            position += read;
            bytes = bytes[read..];
        }
    }
}
