using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Diffusion.Faults;
using Brownian.Diffusion.Schedulers;
using Brownian.Formats.Tensors;
using Brownian.Inference.Engines;
using Brownian.Inference.Prompts;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tests.Adapters;
using Brownian.Requests;

namespace Brownian.Inference.Tests.Prompts;

/// <summary>Prompts with syntax, and long ones, in a whole model.</summary>
public sealed class PromptRunsTests : IAsyncLifetime
{
    private static readonly SessionSettings OneThread = new(Threads: 1);

    private ImageGenerator _generator = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() =>
        _generator = await ImageGenerator.LoadAsync([GoldenData.Model("tiny-sd15")], OneThread, AdapterCatalog.None, Stop);

    public ValueTask DisposeAsync()
    {
        _generator.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_prompt_without_syntax_gives_the_same_image_with_syntax_on()
    {
        GeneratedImage plain = await DrawAsync("cat umbrella moon"), read = await DrawAsync("cat umbrella moon", "a1111"),
        equal = await DrawAsync("(cat:1.0) umbrella moon", "a1111");
        Assert.Equal(plain.Pixels.Rgb, read.Pixels.Rgb);
        Assert.Equal(plain.Pixels.Rgb, equal.Pixels.Rgb);
        Assert.NotEqual(plain.Pixels.Rgb, (await DrawAsync("(cat:1.3) umbrella moon", "a1111")).Pixels.Rgb);
        // With syntax off, brackets are text.
        Assert.NotEqual(plain.Pixels.Rgb, (await DrawAsync("(cat) umbrella moon")).Pixels.Rgb);
    }

    [Fact]
    public async Task Weights_of_words_are_applied_to_their_embeddings()
    {
        Tensor plain = (await DrawAsync("cat moon")).Prompt.Features.Embedding;
        TextEncoding weighed = (await DrawAsync("(cat:1.5) moon", "a1111")).Prompt;
        float[] weights = weighed.Prompt.Weights!.Single();
        Assert.Equal(1.5f, weights.Max());
        Assert.Equal(Emphasis.Apply(plain, weights, EmphasisKind.Original).Values, weighed.Features.Embedding.Values);
    }

    [Fact]
    public async Task A_prompt_that_changes_during_the_run_uses_each_text_up_to_its_step()
    {
        using var denoiser = new LocalDenoiser(OnnxGraph.Load(GoldenData.Model("tiny-sd15").Require("unet").File, OneThread));
        Tensor cat = (await DrawAsync("cat")).Prompt.Features.Embedding, moon = (await DrawAsync("moon")).Prompt.Features.Embedding,
        none = (await DrawAsync("")).Prompt.Features.Embedding;
        DenoiseTask task = Task(cat, none), other = Task(moon, none);
        DenoiseTask changing = task with { Prompts = [new PromptCondition(1, [(2, cat, null), (4, moon, null)])] };
        IDenoising run = denoiser.Begin(changing), first = denoiser.Begin(task);
        for (int step = 0; step < 2; step++)
        {
            await run.EvaluateAsync(Stop);
            await first.EvaluateAsync(Stop);
            Assert.Equal(first.Latents().Values, run.Latents().Values);
        }
        // From here on it equals a run of the other prompt from the same latents.
        IDenoising second = denoiser.Restore(other, run.Save());
        while (!run.IsDone)
        {
            await run.EvaluateAsync(Stop);
            await second.EvaluateAsync(Stop);
            Assert.Equal(second.Latents().Values, run.Latents().Values);
        }
    }

    [Fact]
    public async Task Prompts_joined_by_AND_guide_together_by_their_weights()
    {
        GeneratedImage one = await DrawAsync("cat umbrella"), withNothing = await DrawAsync("cat umbrella AND moon :0", "a1111"),
        both = await DrawAsync("cat umbrella AND moon", "a1111");
        Assert.Equal(one.Denoised.Latents.Values, withNothing.Denoised.Latents.Values, (one, other) => Math.Abs(one - other) <= 1e-4f);
        Assert.NotEqual(one.Pixels.Rgb, both.Pixels.Rgb);
        FieldFaultException refused = Assert.Throws<FieldFaultException>(
            () => _generator.Resolve(RequestReader.Read(Request("a AND b", "a1111", request => request["guidance_scale"] = 1))));
        Assert.Contains("prompt: uses AND", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_long_prompt_is_cut_with_a_warning_or_encoded_in_chunks()
    {
        string words = string.Join(' ', Enumerable.Repeat("cat umbrella moon railway", 30));
        var warnings = new List<string>();
        GeneratedImage cut = await DrawAsync(words, warn: warnings.Add);
        GeneratedImage whole = await DrawAsync(words, change: request => request["long_prompt"] = "chunk", warn: _ => Assert.Fail("Nothing was cut"));
        Assert.Contains("the prompt is longer than 77 tokens; this was cut: ", Assert.Single(warnings), StringComparison.Ordinal);
        Assert.Equal([1, 154, 32], whole.Prompt.Features.Embedding.Shape);
        Assert.Equal([1, 154, 32], whole.Negative!.Features.Embedding.Shape);
        Assert.Equal(cut.Prompt.Features.Embedding.Values, whole.Prompt.Features.Embedding.Values[..cut.Prompt.Features.Embedding.Values.Length]);
        Assert.NotEqual(cut.Pixels.Rgb, whole.Pixels.Rgb);
    }

    private static DenoiseTask Task(Tensor prompt, Tensor none) => new()
    {
        LatentShape = [4, 8, 8],
        Embedding = prompt,
        NegativeEmbedding = none,
        GuidanceScale = 7.5,
        Scheduler = new JsonObject { ["_class_name"] = "DPMSolverMultistepScheduler" },
        Sampling = new SamplingOptions { Steps = 4 },
        Seed = 5,
    };

    private static JsonObject Request(string prompt, string syntax, Action<JsonObject>? change)
    {
        var request =
            new JsonObject { ["prompt"] = prompt, ["prompt_syntax"] = syntax, ["width"] = 64, ["height"] = 64, ["steps"] = 4, ["seed"] = 3 };
        change?.Invoke(request);
        return request;
    }

    private async Task<GeneratedImage> DrawAsync(
        string prompt, string syntax = "plain", Action<JsonObject>? change = null, Action<string>? warn = null)
    {
        var none = new Dictionary<string, ReadOnlyMemory<byte>>();
        await foreach (
            GeneratedImage image in _generator.GenerateAsync(
                _generator.Resolve(RequestReader.Read(Request(prompt, syntax, change))), none, null, warn, Stop))
        {
            return image;
        }
        throw new InvalidOperationException("No picture came");
    }
}
