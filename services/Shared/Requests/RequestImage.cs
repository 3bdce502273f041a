namespace Brownian.Requests;

/// <summary>An image, a mask or latents that a request names: known to be whole.</summary>
/// <param name="Id">What stages ask for it by.</param>
/// <param name="Width">Pixels; in latents for latents.</param>
/// <param name="Height">Pixels; in latents for latents.</param>
/// <param name="Channels">Of latents; 0 for images.</param>
/// <param name="Count">How many latents lie in the file; 1 for images.</param>
public sealed record RequestImage(string Id, int Width, int Height, int Channels = 0, int Count = 1)
{
    /// <summary>
    /// What tells the file from others, whatever it is called: <c>sha256:</c> and the hash of its bytes; empty for what no file was read for.
    /// </summary>
    public string Content { get; init; } = "";

    /// <summary>Whether every pixel is black; false where the pixels were not decoded.</summary>
    public bool MarksNothing { get; init; }
}
