using System.Collections.Concurrent;
using Brownian.Inference;
using Brownian.Inference.Adapters;
using Brownian.Inference.Engines;
using Brownian.Inference.Families;
using Brownian.Inference.Models;
using Brownian.Inference.Requests;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tensors;

namespace Brownian.Golden.Tests;

/// <summary>Every case through the library.</summary>
public sealed class InProcessTests(LoadedModels models) : IClassFixture<LoadedModels>
{
    public static TheoryData<string> Cases => GoldenCase.Names;

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task A_request_gives_the_references_answer(string name)
    {
        GoldenCase golden = GoldenCase.Read(name);
        ImageGenerator generator = await models.GetAsync(golden.ModelFolders);
        (GenerationRequest asked, RequestImages pictured, Dictionary<string, ReadOnlyMemory<byte>> files) = await golden.ReadAsync();
        ResolvedRequest request = generator.Resolve(asked, pictured);
        var images = new List<GeneratedImage>();
        await foreach (GeneratedImage image in generator.GenerateAsync(request, files, null, null, TestContext.Current.CancellationToken))
        {
            images.Add(image);
        }

        for (int i = 0; i < images.Count; i++)
        {
            golden.AssertPicture(i, images[i].Pixels.Rgb);
        }
        if (asked.Task == RequestTask.Preview)
        {
            return;
        }
        golden.AssertEncodings(images[0].Prompt, images[0].Negative);
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
        golden.AssertFinalLatents(Tensor.Concat([.. images.Select(image => (image.Trace.GetValueOrDefault("refine.result") as DenoiseResult ?? image.Denoised).Latents)]));
    }
}

/// <summary>Models that stay loaded for a class of tests.</summary>
public sealed class LoadedModels : IDisposable
{
    private readonly ConcurrentDictionary<string, Lazy<Task<ImageGenerator>>> _generators = new();

    public Task<ImageGenerator> GetAsync(IReadOnlyList<string> folders) => _generators.GetOrAdd(
        string.Join(Path.PathSeparator, folders),
        _ => new Lazy<Task<ImageGenerator>>(() => ImageGenerator.LoadAsync(
            [.. folders.Select(folder => ModelFolder.Open(folder))], new SessionSettings(Threads: 1), new AdapterCatalog(GoldenCase.AdapterFolders, takesPaths: false), CancellationToken.None))).Value;

    public void Dispose()
    {
        foreach (Lazy<Task<ImageGenerator>> generator in _generators.Values)
        {
            if (generator.Value.IsCompletedSuccessfully)
            {
                generator.Value.GetAwaiter().GetResult().Dispose();
            }
        }
    }
}
