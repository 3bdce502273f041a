namespace Brownian.Formats.Torch;

/// <summary>A file of a zip archive, stored without compression.</summary>
/// <param name="Name">Its path in the archive.</param>
/// <param name="Start">The position of its first byte in the archive.</param>
/// <param name="Length">Its length in bytes.</param>
internal sealed record ZipEntry(string Name, long Start, long Length);
