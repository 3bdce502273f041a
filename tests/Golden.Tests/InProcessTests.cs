using System.Collections.Concurrent;
using Brownian.Inference;
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
        ImageGenerator generator = await models.GetAsync(golden.ModelFolder);
        ResolvedRequest request = generator.Resolve(RequestReader.Read(golden.Request()));
        var images = new List<GeneratedImage>();
        await foreach (GeneratedImage image in generator.GenerateAsync(request, null, TestContext.Current.CancellationToken))
        {
            images.Add(image);
        }

        golden.AssertTokens(images[0].Prompt.TokenIds);
        golden.AssertNegativeTokens(images[0].Negative?.TokenIds);
        golden.AssertEmbedding("prompt_embeds", images[0].Prompt.Embedding);
        if (images[0].Negative is { } negative)
        {
            golden.AssertEmbedding("negative_prompt_embeds", negative.Embedding);
        }
        golden.AssertTimesteps(images[0].Denoised.Timesteps);
        golden.AssertSigmas(images[0].Denoised.Sigmas);
        golden.AssertInitialLatents(Tensor.Concat([.. images.Select(image => image.Denoised.InitialLatents)]));
        golden.AssertFinalLatents(Tensor.Concat([.. images.Select(image => image.Denoised.Latents)]));
        for (int i = 0; i < images.Count; i++)
        {
            golden.AssertPicture(i, images[i].Pixels.Rgb);
        }
    }
}

/// <summary>Models that stay loaded for a class of tests.</summary>
public sealed class LoadedModels : IDisposable
{
    private readonly ConcurrentDictionary<string, Lazy<Task<ImageGenerator>>> _generators = new();

    public Task<ImageGenerator> GetAsync(string folder) => _generators.GetOrAdd(
        folder,
        path => new Lazy<Task<ImageGenerator>>(() => ImageGenerator.LoadAsync(ModelFolder.Open(path), new SessionSettings(Threads: 1), CancellationToken.None))).Value;

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
