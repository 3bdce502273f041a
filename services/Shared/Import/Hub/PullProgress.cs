namespace Brownian.Import.Hub;

/// <summary>How far a download is.</summary>
/// <param name="File">The path of the file that is read.</param>
/// <param name="Bytes">The bytes that are there, those of an earlier pull included.</param>
/// <param name="AllBytes">The bytes of all files whose length is known.</param>
public sealed record PullProgress(string File, long Bytes, long AllBytes);
