using System.Text.Json.Nodes;
using Brownian.Diffusion.Guidance;
using Brownian.Diffusion.Schedulers;
using Brownian.Formats.Tensors;
using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tests.Models;
using Brownian.Models.Folders;
using Brownian.Tests.Programs;

namespace Brownian.Inference.Tests.Engines;

/// <summary>Guidance intervals and methods.</summary>
public sealed class GuidanceTests : IDisposable
{
    private const int Steps = 6;
    private const float Factor = 0.5f, PerturbedFactor = 0.3f;

    private readonly TemporaryFolder _folder = new();
    private readonly LocalDenoiser _denoiser;

    public GuidanceTests()
    {
        string model = new StubModel { Factor = Factor }.Save(_folder.Combine("model")),
        other = new StubModel { Factor = PerturbedFactor }.Save(_folder.Combine("other"));
        _denoiser = new LocalDenoiser(
            OnnxGraph.Load(Path.Combine(model, "unet", "model.onnx"), new SessionSettings(Threads: 1)),
            new GraphFile("unet_pag", Path.Combine(other, "unet", "model.onnx"), null));
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_negative_prompt_is_not_evaluated_outside_the_guidance_interval()
    {
        // A negative embedding that is never evaluated may be NaN.
        DenoiseTask never = Guided() with { NegativeEmbedding = Embedding(float.NaN), Guidance = new GuidanceOptions { Start = 0.999 } };

        Assert.Equal(await RunAsync(Guided() with { NegativeEmbedding = null }), await RunAsync(never));
    }

    [Fact]
    public async Task A_run_with_a_late_interval_equals_an_unguided_run_continued_by_a_guided_one()
    {
        DenoiseTask late = Guided() with { Guidance = new GuidanceOptions { Start = 0.5 } };
        DenoiseResult first = Assert.Single(await _denoiser.DenoiseAsync([Guided() with { NegativeEmbedding = null, End = Steps / 2 }], null, Token));

        Assert.Equal(await RunAsync(Guided() with { StartLatents = first.Latents, First = Steps / 2 }), await RunAsync(late));
        Assert.Equal(await RunAsync(Guided()), await RunAsync(Guided() with { Guidance = new GuidanceOptions { Start = 0, End = 1 } }));
        Assert.NotEqual(await RunAsync(Guided()), await RunAsync(late));
    }

    [Fact]
    public async Task Runs_with_other_guidance_intervals_can_share_a_batch()
    {
        DenoiseTask[] tasks =
        [
            Guided() with { Guidance = new GuidanceOptions { Start = 0.5 } },
            Guided() with { Guidance = new GuidanceOptions { End = 0.34 }, Seed = 2 },
            Guided() with { Seed = 3 },
        ];

        IReadOnlyList<DenoiseResult> together = await _denoiser.DenoiseAsync(tasks, null, Token);

        for (int i = 0; i < tasks.Length; i++)
        {
            AssertClose(await RunAsync(tasks[i]), together[i].Latents.Values, 1e-5f);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Guidance_goes_away_from_the_output_with_perturbed_attention(bool isGuided)
    {
        const float Scale = 0.75f;
        // The graphs differ in the factor of the sample, so that guidance away from one graph equals a graph with a larger factor.
        string more = new StubModel { Factor = Factor + Scale * (Factor - PerturbedFactor) }.Save(_folder.Combine("more"));
        using var expected = new LocalDenoiser(OnnxGraph.Load(Path.Combine(more, "unet", "model.onnx"), new SessionSettings(Threads: 1)));
        DenoiseTask plain = isGuided ? Guided() : Guided() with { NegativeEmbedding = null };

        float[] actual = await RunAsync(plain with { Guidance = new GuidanceOptions { PerturbedScale = Scale } });

        AssertClose(Assert.Single(await expected.DenoiseAsync([plain], null, Token)).Latents.Values, actual, 1e-4f);
        Assert.Throws<ArgumentException>(() => expected.Begin(plain with { Guidance = new GuidanceOptions { PerturbedScale = Scale } }));
    }

    [Theory]
    [InlineData("DDIMScheduler", "{\"clip_sample\": false}")]
    [InlineData("EulerDiscreteScheduler", "{}")]
    public async Task Cfg_plus_plus_with_equal_prompts_equals_a_run_without_guidance(string scheduler, string options)
    {
        DenoiseTask plain = Guided() with { Scheduler = Scheduler(scheduler, options), NegativeEmbedding = null };
        DenoiseTask plus = plain with
        {
            NegativeEmbedding = plain.Embedding,
            GuidanceScale = 0.6,
            Guidance = new GuidanceOptions { Method = GuidanceMethod.CfgPlusPlus }
        };

        AssertClose(await RunAsync(plain), await RunAsync(plus), 1e-3f);
        Assert.NotEqual(await RunAsync(plain), await RunAsync(plus with { NegativeEmbedding = Embedding(50) }));
        Assert.Throws<ArgumentException>(() => _denoiser.Begin(plus with { Scheduler = Scheduler("PNDMScheduler", "{}") }));
    }

    [Fact]
    public async Task Zero_star_with_proportional_outputs_equals_the_output_with_the_prompt()
    {
        // After the fit, the output without the prompt equals the one with it, for every scale.
        DenoiseTask plain = Guided() with { NegativeEmbedding = null };
        DenoiseTask fitted =
            plain with { NegativeEmbedding = plain.Embedding, GuidanceScale = 7, Guidance = new GuidanceOptions { ZeroStar = true } };

        AssertClose(await RunAsync(plain), await RunAsync(fitted), 1e-4f);
        Assert.NotEqual(await RunAsync(Guided()), await RunAsync(Guided() with { Guidance = new GuidanceOptions { ZeroStar = true } }));
    }

    public void Dispose()
    {
        _denoiser.Dispose();
        _folder.Dispose();
    }

    private static JsonObject Scheduler(string name, string options)
    {
        JsonObject json = JsonNode.Parse(options)!.AsObject();
        json["_class_name"] = name;
        return json;
    }

    private static DenoiseTask Guided() => new()
    {
        LatentShape = [4, 8, 8],
        Embedding = Embedding(300),
        NegativeEmbedding = Embedding(-200),
        GuidanceScale = 3,
        Scheduler = Scheduler("DDIMScheduler", "{\"clip_sample\": false, \"steps_offset\": 1}"),
        Sampling = new SamplingOptions { Steps = Steps },
        Seed = 1,
    };

    private static Tensor Embedding(float value) => new([.. Enumerable.Repeat(value, 12 * StubModel.Width)], [1, 12, StubModel.Width]);

    private static void AssertClose(float[] expected, float[] actual, float tolerance) =>
        Assert.Equal(expected, actual, (one, other) => Math.Abs(one - other) <= tolerance);

    private async Task<float[]> RunAsync(DenoiseTask task) => Assert.Single(await _denoiser.DenoiseAsync([task], null, Token)).Latents.Values;
}
