using Brownian.Formats.Images;
using Brownian.Inference.Engines;

namespace Brownian.Inference;

/// <summary>An image of a request, and what was computed on the way.</summary>
/// <param name="Index">Its place in the request, from 0.</param>
/// <param name="Seed">Its seed.</param>
/// <param name="Pixels">The image, as it is written.</param>
/// <param name="File">Its file.</param>
/// <param name="Trace">What stages showed, by <c>stage.name</c>.</param>
public sealed record GeneratedImage(int Index, ulong Seed, PixelImage Pixels, byte[] File, IReadOnlyDictionary<string, object> Trace)
{
    /// <summary>Latents and timesteps; of a cascade its last stage's, of unCLIP its decoder's.</summary>
    public DenoiseResult Denoised => (DenoiseResult)(Find("denoise.result") ?? Find("decoder.result"))!;

    /// <summary>The encoded prompt; of a cascade its last stage's.</summary>
    public TextEncoding Prompt => (TextEncoding)Find("encode.prompt")!;

    /// <summary>The encoded negative prompt; null without guidance, or where zeros stand for it.</summary>
    public TextEncoding? Negative => (TextEncoding?)Find("encode.negative");

    private object? Find(string name) =>
        Trace.GetValueOrDefault(name)
            ?? Trace.Where(shown => shown.Key.EndsWith("-" + name, StringComparison.Ordinal)).OrderBy(shown => shown.Key, StringComparer.Ordinal)
                .LastOrDefault().Value;
}
