using Brownian.Formats.Images;
using Brownian.Inference.Engines;

namespace Brownian.Inference;

/// <summary>An image of a request, with the intermediate results of its generation.</summary>
/// <param name="Index">The image's index in the request, from 0.</param>
/// <param name="Seed">The image's seed.</param>
/// <param name="Pixels">The image, as it is written.</param>
/// <param name="File">The image's file.</param>
/// <param name="Trace">The intermediate results of the stages, by <c>stage.name</c>.</param>
public sealed record GeneratedImage(int Index, ulong Seed, PixelImage Pixels, byte[] File, IReadOnlyDictionary<string, object> Trace)
{
    /// <summary>Whether the image was denoised, and not only enlarged by a convolutional upscaler.</summary>
    public bool IsDenoised => FindDenoised() is not null;

    /// <summary>Latents and timesteps. For a cascade those of its last stage, for unCLIP those of its decoder.</summary>
    public DenoiseResult Denoised => FindDenoised()!;

    /// <summary>The encoded prompt. For a cascade that of its last stage.</summary>
    public TextEncoding Prompt => (TextEncoding)Find("encode.prompt")!;

    /// <summary>The encoded negative prompt; null without guidance, or when zeros replace it.</summary>
    public TextEncoding? Negative => (TextEncoding?)Find("encode.negative");

    private DenoiseResult? FindDenoised() => (DenoiseResult?)(Find("denoise.result") ?? Find("decoder.result"));

    private object? Find(string name) =>
        Trace.GetValueOrDefault(name)
            ?? Trace.Where(shown => shown.Key.EndsWith("-" + name, StringComparison.Ordinal)).OrderBy(shown => shown.Key, StringComparer.Ordinal)
                .LastOrDefault().Value;
}
