using System.Text.Json;
using Brownian.Inference;
using Brownian.Inference.Engines;
using Brownian.Inference.Tensors;

namespace Brownian.Cli.Output;

/// <summary>What <c>--dump</c> writes: the numbers on the way, with the names and shapes of the golden cases.</summary>
internal static class DumpFolder
{
    /// <summary>The stages that denoise a picture further.</summary>
    private static readonly string[] SecondRuns = ["refine", "hires"];

    /// <summary>Writes the files of a finished request.</summary>
    /// <param name="folder">Is there.</param>
    /// <param name="images">All pictures, in order; latents are stacked along the first axis.</param>
    public static void Write(string folder, IReadOnlyList<GeneratedImage> images)
    {
        GeneratedImage first = images[0];
        if (!first.Trace.ContainsKey("denoise.result"))
        {
            // Nothing was computed on the way of latents to a picture.
            return;
        }
        WriteEncoding(folder, "", first.Prompt);
        if (first.Negative is { } negative)
        {
            WriteEncoding(folder, "negative_", negative);
        }
        WriteRun(folder, "", [.. images.Select(image => image.Denoised)]);
        WriteLatents(folder, "initial_latents", images, "denoise", result => result.InitialLatents);
        WriteLatents(folder, "image_latents", images, "denoise", result => result.ImageLatents);
        WriteLatents(folder, "masked_image_latents", images, "denoise", result => result.MaskedImageLatents);
        string? second = SecondRuns.FirstOrDefault(stage => first.Trace.ContainsKey(stage + ".result"));
        if (second is null)
        {
            WriteLatents(folder, "final_latents", images, "denoise", result => result.Latents);
            return;
        }
        WriteLatents(folder, "base_latents", images, "denoise", result => result.Latents);
        WriteLatents(folder, "final_latents", images, second, result => result.Latents);
        WriteRun(folder, second == "refine" ? "refiner_" : "hires_", [.. images.Select(image => (DenoiseResult)image.Trace[second + ".result"])]);
    }

    private static void WriteRun(string folder, string prefix, IReadOnlyList<DenoiseResult> results)
    {
        WriteJson(folder, prefix + "timesteps.json", results[0].Timesteps);
        if (results[0].Sigmas.Count > 0)
        {
            WriteJson(folder, prefix + "sigmas.json", results[0].Sigmas);
        }
    }

    private static void WriteLatents(string folder, string name, IReadOnlyList<GeneratedImage> images, string stage, Func<DenoiseResult, Tensor?> take)
    {
        Tensor?[] latents = [.. images.Select(image => take((DenoiseResult)image.Trace[stage + ".result"]))];
        if (latents[0] is not null)
        {
            NpyFile.Write(Path.Combine(folder, name + ".npy"), Tensor.Concat([.. latents.Select(tensor => tensor!)]));
        }
    }

    private static void WriteEncoding(string folder, string prefix, TextEncoding encoding)
    {
        for (int i = 0; i < encoding.Prompt.Ids.Count; i++)
        {
            string number = i == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"_{i + 1}");
            WriteJson<IReadOnlyList<IReadOnlyList<long>>>(folder, $"{prefix}token_ids{number}.json", [encoding.Prompt.Ids[i]]);
        }
        NpyFile.Write(Path.Combine(folder, prefix + "prompt_embeds.npy"), encoding.Features.Embedding);
        if (encoding.Features.Pooled is { } pooled)
        {
            NpyFile.Write(Path.Combine(folder, prefix + "pooled_prompt_embeds.npy"), pooled);
        }
    }

    /// <summary>float32 is written as the float64 it is, like Python does.</summary>
    private static void WriteJson(string folder, string name, IReadOnlyList<float> values) => WriteJson(folder, name, values.Select(value => (double)value).ToArray());

    private static void WriteJson<T>(string folder, string name, T value) => File.WriteAllText(Path.Combine(folder, name), JsonSerializer.Serialize(value) + "\n");
}
