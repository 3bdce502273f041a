namespace Brownian.Formats.Torch;

/// <summary>Where the elements of a storage are in the file.</summary>
/// <param name="Start">The position of the first byte.</param>
/// <param name="Length">The number of bytes.</param>
internal sealed record StoragePlace(long Start, long Length);
