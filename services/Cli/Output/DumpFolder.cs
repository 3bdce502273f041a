using System.Text.Json;
using Brownian.Inference;
using Brownian.Inference.Engines;
using Brownian.Inference.Tensors;

namespace Brownian.Cli.Output;

/// <summary>What <c>--dump</c> writes: the numbers on the way, with the names and shapes of the golden cases.</summary>
internal static class DumpFolder
{
    /// <summary>Writes the files of a finished request.</summary>
    /// <param name="folder">Is there.</param>
    /// <param name="images">All pictures, in order; latents are stacked along the first axis.</param>
    public static void Write(string folder, IReadOnlyList<GeneratedImage> images)
    {
        GeneratedImage first = images[0];
        WriteEncoding(folder, "", first.Prompt);
        if (first.Negative is { } negative)
        {
            WriteEncoding(folder, "negative_", negative);
        }
        WriteJson(folder, "timesteps.json", first.Denoised.Timesteps);
        if (first.Denoised.Sigmas.Count > 0)
        {
            WriteJson(folder, "sigmas.json", first.Denoised.Sigmas);
        }
        NpyFile.Write(Path.Combine(folder, "initial_latents.npy"), Tensor.Concat([.. images.Select(image => image.Denoised.InitialLatents)]));
        NpyFile.Write(Path.Combine(folder, "final_latents.npy"), Tensor.Concat([.. images.Select(image => image.Denoised.Latents)]));
    }

    private static void WriteEncoding(string folder, string prefix, TextEncoding encoding)
    {
        WriteJson<IReadOnlyList<IReadOnlyList<long>>>(folder, prefix + "token_ids.json", [encoding.TokenIds]);
        NpyFile.Write(Path.Combine(folder, prefix + "prompt_embeds.npy"), encoding.Embedding);
    }

    /// <summary>float32 is written as the float64 it is, like Python does.</summary>
    private static void WriteJson(string folder, string name, IReadOnlyList<float> values) => WriteJson(folder, name, values.Select(value => (double)value).ToArray());

    private static void WriteJson<T>(string folder, string name, T value) => File.WriteAllText(Path.Combine(folder, name), JsonSerializer.Serialize(value) + "\n");
}
