using Brownian.Formats.Tensors;
using Brownian.Inference;
using Brownian.Inference.Engines;
using Brownian.Models.Families;
using Brownian.Requests;

namespace Brownian.Golden.Tests;

/// <summary>Runs a case in this process, and compares every value with the reference's.</summary>
internal static class GoldenRun
{
    /// <summary>Runs a case.</summary>
    /// <param name="golden">The case.</param>
    /// <param name="generator">Its models.</param>
    public static async Task AssertAsync(GoldenCase golden, ImageGenerator generator)
    {
        (GenerationRequest original, RequestImages imaged, Dictionary<string, ReadOnlyMemory<byte>> files) = await golden.ReadAsync();
        ResolvedRequest request = generator.Resolve(original, imaged);
        var images = new List<GeneratedImage>();
        await foreach (GeneratedImage image in generator.GenerateAsync(request, files, null, null, TestContext.Current.CancellationToken))
        {
            images.Add(image);
        }

        Assert.Equal(golden.ImageCount, images.Count);
        for (int i = 0; i < images.Count; i++)
        {
            golden.AssertImage(i, images[i].Pixels.Rgb);
        }
        if (original.Task == RequestTask.Preview)
        {
            return;
        }
        golden.AssertEncodings(images[0].Prompt, images[0].Negative);
        if (golden.IsUnclip)
        {
            AssertUnclip(golden, images);
            return;
        }
        if (golden.IsCascade)
        {
            var before = (DenoiseResult)images[0].Trace["stage-1-denoise.result"];
            golden.AssertFirstStageTimesteps(before.Timesteps);
            golden.AssertLatents("stage1_initial_latents", before.InitialLatents);
            golden.AssertLatents("stage1_final_latents", before.Latents);
        }
        golden.AssertTimesteps(images[0].Denoised.Timesteps);
        golden.AssertSigmas(images[0].Denoised.Sigmas);
        golden.AssertInitialLatents(Tensor.Concat([.. images.Select(image => image.Denoised.InitialLatents)]));
        golden.AssertLatents("image_latents", images[0].Denoised.ImageLatents);
        golden.AssertLatents("masked_image_latents", images[0].Denoised.MaskedImageLatents);
        if (images[0].Trace.GetValueOrDefault("refine.result") is DenoiseResult refined)
        {
            golden.AssertLatents("base_latents", images[0].Denoised.Latents);
            golden.AssertRefinerTimesteps(refined.Timesteps);
        }
        golden.AssertFinalLatents(
            Tensor.Concat([.. images.Select(image => (image.Trace.GetValueOrDefault("refine.result") as DenoiseResult ?? image.Denoised).Latents)]));
    }

    /// <summary>Checks the runs of a prior, a decoder and a super-resolution, which share one generator.</summary>
    private static void AssertUnclip(GoldenCase golden, List<GeneratedImage> images)
    {
        DenoiseResult? prior = Runs("prior")?[0];
        golden.AssertTimestepsOf("prior", prior?.Timesteps);
        golden.AssertTimestepsOf("decoder", Runs("decoder")![0].Timesteps);
        golden.AssertTimestepsOf("super_res", Runs("super-res")![0].Timesteps.Concat(Runs("super-res-last")![0].Timesteps));
        if (prior is not null)
        {
            golden.AssertInitialLatents(
                Tensor.Concat([.. Runs("prior")!.Select(run => new Tensor(run.InitialLatents.Values, [1, run.InitialLatents.Values.Length]))]));
        }
        golden.AssertLatents("decoder_initial_latents", Tensor.Concat([.. Runs("decoder")!.Select(run => run.InitialLatents)]));
        golden.AssertLatents("image_small", Clamped(Tensor.Concat([.. Runs("decoder")!.Select(run => run.Latents)])));
        golden.AssertLatents("super_res_initial_latents", Tensor.Concat([.. Runs("super-res")!.Select(run => run.InitialLatents)]));
        golden.AssertMostOf("final_latents", Tensor.Concat([.. Runs("super-res-last")!.Select(run => run.Latents)]));

        DenoiseResult[]? Runs(string stage) =>
            images[0].Trace.ContainsKey(stage + ".result") ? [.. images.Select(image => (DenoiseResult)image.Trace[stage + ".result"])] : null;

        static Tensor Clamped(Tensor tensor) => new([.. tensor.Values.Select(value => Math.Clamp(value, -1, 1))], tensor.Shape);
    }
}
