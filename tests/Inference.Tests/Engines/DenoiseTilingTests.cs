using System.Text.Json.Nodes;
using Brownian.Diffusion.Guidance;
using Brownian.Diffusion.Schedulers;
using Brownian.Formats.Tensors;
using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tests.Models;
using Brownian.Models.Plans;
using Brownian.Tests.Programs;

namespace Brownian.Inference.Tests.Engines;

/// <summary>Runs that show the model the latents in windows.</summary>
public sealed class DenoiseTilingTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly LocalDenoiser _denoiser;

    public DenoiseTilingTests()
    {
        _denoiser = new LocalDenoiser(
            OnnxGraph.Load(Path.Combine(new StubModel().Save(_folder.Combine("model")), "unet", "model.onnx"), new SessionSettings(Threads: 1)));
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _denoiser.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(24, 0)]
    [InlineData(24, 12)]
    [InlineData(64, 8)]
    public async Task One_window_that_covers_the_latents_gives_the_bytes_without_windows(int side, int overlap) =>
        Assert.Equal(await RunAsync(Plain), await RunAsync(Plain with { Tiling = new DenoiseTiling(side, overlap) }));

    /// <summary>The stub handles each value alone, so that windows change nothing but the rounding of the blending.</summary>
    [Theory]
    [InlineData(8, 0)]
    [InlineData(8, 3)]
    [InlineData(12, 6)]
    [InlineData(16, 1)]
    public async Task Windows_of_a_model_that_uses_single_values_equal_a_run_without_windows(int side, int overlap)
    {
        float[] whole = await RunAsync(Plain), tiled = await RunAsync(Plain with { Tiling = new DenoiseTiling(side, overlap) });
        Assert.Equal(whole, tiled, (one, other) => Math.Abs(one - other) <= 1e-4f * Math.Max(1, Math.Abs(one)));
    }

    [Fact]
    public async Task Windows_with_a_guidance_interval_equal_a_run_without_windows()
    {
        var guidance = new GuidanceOptions { Start = 0.2, End = 0.7 };
        float[] whole = await RunAsync(Plain with { Guidance = guidance }), tiled = await RunAsync(Tiled with { Guidance = guidance });
        Assert.Equal(whole, tiled, (one, other) => Math.Abs(one - other) <= 1e-4f * Math.Max(1, Math.Abs(one)));
        Assert.NotEqual(whole, await RunAsync(Plain));
        Assert.Throws<ArgumentException>(() => _denoiser.Begin(Tiled with { Guidance = new GuidanceOptions { PerturbedScale = 1 } }));
    }

    [Fact]
    public async Task A_run_in_windows_resumes_after_any_evaluation_with_the_same_bytes()
    {
        float[] undisturbed = await RunAsync(Tiled);
        IDenoising run = _denoiser.Begin(Tiled);
        while (!run.IsDone)
        {
            Assert.Equal(undisturbed, await FinishAsync(_denoiser.Restore(Tiled, run.Save())));
            await run.EvaluateAsync(Stop);
        }
    }

    [Fact]
    public async Task Runs_in_windows_that_share_batches_have_the_bytes_of_single_runs()
    {
        DenoiseTask other = Tiled with { Seed = 8 };
        IReadOnlyList<DenoiseResult> together = await _denoiser.DenoiseAsync([Tiled, other], null, Stop);
        Assert.Equal(await RunAsync(Tiled), together[0].Latents.Values);
        Assert.Equal(await RunAsync(other), together[1].Latents.Values);
        await Assert.ThrowsAsync<ArgumentException>(() => _denoiser.DenoiseAsync([Tiled, Plain with { LatentShape = [4, 8, 8] }], null, Stop));
    }

    [Fact]
    public async Task Windows_allocate_no_memory_after_the_first_evaluation()
    {
        // The first run also allocates objects that a process allocates once.
        await AllocatedAsync(Plain);
        Assert.Equal(await AllocatedAsync(Plain), await AllocatedAsync(Tiled));

        Task<long> AllocatedAsync(DenoiseTask task) => _denoiser.RunAsync(
            run =>
            {
                var batch = new DenoiseBatch([new DenoiseRun(task)], _denoiser.Model.SharesTimestep);
                _denoiser.Evaluate(batch, run);
                long before = GC.GetAllocatedBytesForCurrentThread();
                while (!batch.IsDone)
                {
                    _denoiser.Evaluate(batch, run);
                }
                return GC.GetAllocatedBytesForCurrentThread() - before;
            },
            Stop);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(8, -1)]
    [InlineData(8, 5)]
    public void Invalid_windows_are_refused(int side, int overlap) =>
        Assert.Throws<ArgumentException>(() => _denoiser.Begin(Plain with { Tiling = new DenoiseTiling(side, overlap) }));

    [Fact]
    public void Windows_cover_the_latents_and_overlap_by_at_least_the_given_amount()
    {
        for (int length = 1; length < 100; length++)
        {
            for (int side = 1; side < 24; side++)
            {
                for (int overlap = 0; overlap <= side / 2; overlap++)
                {
                    var grid = new TileGrid(length, length, side, overlap);
                    Assert.Equal(0, grid.Tops[0]);
                    Assert.Equal(length, grid.Tops[^1] + grid.TileHeight);
                    for (int i = 1; i < grid.Tops.Length; i++)
                    {
                        Assert.InRange(grid.Tops[i] - grid.Tops[i - 1], 1, side - overlap);
                    }
                }
            }
        }
    }

    private static DenoiseTask Plain { get; } = new()
    {
        LatentShape = [4, 24, 20],
        Embedding = Waves(1),
        NegativeEmbedding = Waves(2),
        GuidanceScale = 7.5,
        GuidanceRescale = 0.5,
        Scheduler = new JsonObject { ["_class_name"] = "EulerAncestralDiscreteScheduler" },
        Sampling = new SamplingOptions { Steps = 5 },
        Seed = 7,
    };

    private static DenoiseTask Tiled { get; } = Plain with { Tiling = new DenoiseTiling(12, 4) };

    private static Tensor Waves(int phase) =>
        new([.. Enumerable.Range(0, 5 * StubModel.Width).Select(i => 20 * MathF.Sin(i * phase + phase))], [1, 5, StubModel.Width]);

    private Task<float[]> RunAsync(DenoiseTask task) => FinishAsync(_denoiser.Begin(task));

    private static async Task<float[]> FinishAsync(IDenoising run)
    {
        while (!run.IsDone)
        {
            await run.EvaluateAsync(Stop);
        }
        return run.Result().Latents.Values;
    }
}
