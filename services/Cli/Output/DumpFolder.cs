using System.Text.Json;
using Brownian.Formats.Tensors;
using Brownian.Inference;
using Brownian.Inference.Engines;

namespace Brownian.Cli.Output;

/// <summary>Writes the files of <c>--dump</c>: the intermediate values of a run, with the names and shapes of the golden cases.</summary>
internal static class DumpFolder
{
    private const string Result = ".result";

    /// <summary>Writes the files of a finished request.</summary>
    /// <param name="folder">The folder, which exists.</param>
    /// <param name="images">All images, in order; latents are stacked along the first axis.</param>
    public static void Write(string folder, IReadOnlyList<GeneratedImage> images)
    {
        string[] runs = [.. images[0].Trace.Keys.Where(key => key.EndsWith(Result, StringComparison.Ordinal)).Select(key => key[..^Result.Length])];
        if (runs.Length == 0)
        {
            // Decoding latents to an image has no intermediate values.
            return;
        }
        WriteEncoding(folder, "", images[0].Prompt);
        if (images[0].Negative is { } negative)
        {
            WriteEncoding(folder, "negative_", negative);
        }
        if (runs[0].StartsWith("stage-", StringComparison.Ordinal))
        {
            WriteCascade(folder, images, runs);
        }
        else if (runs.Length > 1 && runs[0] is "prior" || runs.Contains("super-res"))
        {
            WriteUnclip(folder, images, runs);
        }
        else
        {
            WriteOne(folder, images, runs);
        }
    }

    /// <summary>Writes one run, or two runs of which the second one continues from the first one's latents.</summary>
    private static void WriteOne(string folder, IReadOnlyList<GeneratedImage> images, string[] runs)
    {
        WriteRun(folder, "", images, "denoise");
        WriteLatents(folder, "initial_latents", images, "denoise", result => result.InitialLatents);
        WriteLatents(folder, "image_latents", images, "denoise", result => result.ImageLatents);
        WriteLatents(folder, "masked_image_latents", images, "denoise", result => result.MaskedImageLatents);
        WriteLatents(folder, "final_latents", images, runs[^1], result => result.Latents);
        if (runs.Length > 1)
        {
            WriteLatents(folder, "base_latents", images, "denoise", result => result.Latents);
            WriteRun(folder, runs[^1] == "refine" ? "refiner_" : "hires_", images, runs[^1]);
        }
    }

    /// <summary>Writes the runs of a cascade. The last stage's files have no prefix, those of the others have their stage's.</summary>
    private static void WriteCascade(string folder, IReadOnlyList<GeneratedImage> images, string[] runs)
    {
        foreach (string run in runs)
        {
            string prefix = run == runs[^1]
                ? ""
                : run.Replace("-denoise", "_", StringComparison.Ordinal).Replace("stage-", "stage", StringComparison.Ordinal);
            WriteRun(folder, prefix, images, run);
            WriteLatents(folder, prefix + "initial_latents", images, run, result => result.InitialLatents);
            WriteLatents(folder, prefix + "final_latents", images, run, result => result.Latents);
        }
    }

    private static void WriteUnclip(string folder, IReadOnlyList<GeneratedImage> images, string[] runs)
    {
        foreach (string run in runs)
        {
            string prefix = run switch { "super-res" => "super_res_", "super-res-last" => "super_res_last_", _ => run + "_" };
            WriteRun(folder, prefix, images, run);
            WriteLatents(folder, prefix + "initial_latents", images, run, result => result.InitialLatents);
        }
        WriteLatents(folder, "image_small", images, "decoder", result => result.Latents);
        WriteLatents(folder, "final_latents", images, runs[^1], result => result.Latents);
    }

    private static void WriteRun(string folder, string prefix, IReadOnlyList<GeneratedImage> images, string stage)
    {
        var result = (DenoiseResult)images[0].Trace[stage + Result];
        WriteJson(folder, prefix + "timesteps.json", result.Timesteps);
        if (result.Sigmas.Count > 0)
        {
            WriteJson(folder, prefix + "sigmas.json", result.Sigmas);
        }
    }

    private static void WriteLatents(
        string folder, string name, IReadOnlyList<GeneratedImage> images, string stage, Func<DenoiseResult, Tensor?> take)
    {
        Tensor?[] latents = [.. images.Select(image => take((DenoiseResult)image.Trace[stage + Result]))];
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

    /// <summary>Writes float32 values as float64, like Python.</summary>
    private static void WriteJson(string folder, string name, IReadOnlyList<float> values) =>
        WriteJson(folder, name, values.Select(value => (double)value).ToArray());

    private static void WriteJson<T>(string folder, string name, T value) =>
        File.WriteAllText(Path.Combine(folder, name), JsonSerializer.Serialize(value) + "\n");
}
