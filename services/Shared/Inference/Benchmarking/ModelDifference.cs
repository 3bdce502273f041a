namespace Brownian.Inference.Benchmarking;

/// <summary>How an image of a model differs from that of its reference.</summary>
/// <param name="Prompt">The prompt.</param>
/// <param name="Size">The image's width and height in pixels.</param>
/// <param name="Latents">
/// The root mean square of the differences of the last latents, divided by that of the reference's latents. For models without latents, of the
/// image's values or levels.
/// </param>
/// <param name="Levels">The mean difference of the image's levels, 0..255.</param>
public sealed record ModelDifference(string Prompt, (int Width, int Height) Size, double Latents, double Levels);
