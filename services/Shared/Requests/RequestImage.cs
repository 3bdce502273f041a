namespace Brownian.Requests;

/// <summary>An image, a mask or latents that a request names, after validation.</summary>
/// <param name="Id">The id by which stages read the file.</param>
/// <param name="Width">The width in pixels; in latents for latents.</param>
/// <param name="Height">The height in pixels; in latents for latents.</param>
/// <param name="Channels">The number of channels of latents; 0 for images.</param>
/// <param name="Count">The number of latents in the file; 1 for images.</param>
public sealed record RequestImage(string Id, int Width, int Height, int Channels = 0, int Count = 1)
{
    /// <summary>
    /// Identifies the file's content, independent of its name: <c>sha256:</c> and the hash of its bytes; empty when no file was read.
    /// </summary>
    public string Content { get; init; } = "";

    /// <summary>Whether every pixel is black, so that a mask selects nothing; false when the pixels were not decoded.</summary>
    public bool IsBlack { get; init; }
}
