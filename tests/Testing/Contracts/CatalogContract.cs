using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Formats.Files;
using Brownian.Jobs.Catalog;
using Brownian.Jobs.Costs;
using Brownian.Jobs.Records;
using Brownian.Models.Facts;
using Brownian.Models.Folders;

namespace Brownian.Testing.Contracts;

/// <summary>The behaviour of every catalogue.</summary>
public abstract class CatalogContract : IAsyncLifetime
{
    private ICatalog? _catalog;

    public async ValueTask InitializeAsync() => _catalog = await OpenAsync();

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Workers_are_listed_with_their_latest_descriptions()
    {
        WorkerCard second =
            Worker("b", "stub", "one") with { State = WorkerState.Ready, Busy = 2, Slots = 3, Address = "http://b:1", Provider = "cuda" };
        await Catalog.PublishAsync(second, Cancelled);
        await Catalog.PublishAsync(Worker("a", "stub", "one") with { Models = new Dictionary<string, string>() }, Cancelled);
        await Catalog.PublishAsync(second with { State = WorkerState.Draining }, Cancelled);
        IReadOnlyList<WorkerCard> workers = await Catalog.WorkersAsync(Cancelled);
        Assert.Equal(["a", "b"], workers.Select(worker => worker.Id));
        Assert.Equal(JobJson.Write(second with { State = WorkerState.Draining }), JobJson.Write(workers[1] with { Seen = second.Seen }));
        await Catalog.RemoveAsync("b", Cancelled);
        await Catalog.RemoveAsync("unknown", Cancelled);
        Assert.Equal("a", Assert.Single(await Catalog.WorkersAsync(Cancelled)).Id);
    }

    [Fact]
    public async Task A_model_stays_listed_when_its_last_worker_is_removed()
    {
        await Catalog.PublishAsync(Worker("a", "stub", "one"), Cancelled);
        await Catalog.PublishAsync(Model("stub", "one"), Cancelled);
        await Catalog.PublishAsync(Model("another", "two"), Cancelled);
        await Catalog.RemoveAsync("a", Cancelled);
        Assert.Equal(["another", "stub"], (await Catalog.ModelsAsync(Cancelled)).Select(model => model.Name));
        Assert.Equal(JobJson.Write(Model("stub", "one")), JobJson.Write((await Catalog.FindModelAsync("stub", Cancelled))!));
        Assert.Null(await Catalog.FindModelAsync("unknown", Cancelled));
    }

    [Fact]
    public async Task A_models_signature_is_found_only_for_the_fingerprint_it_was_published_with()
    {
        var unet = new GraphSignature(
            "unet of stub", [new ModuleSize("conv_in", 4, 36, null), new ModuleSize("mid_block.to_q", 8, 8, "shares its weight")], null,
            "it has no table of token embeddings");
        var encoder = new GraphSignature("text_encoder of stub", [], 32, null);
        var signature = new ModelSignature("stub", "one", new Dictionary<string, GraphSignature> { ["unet"] = unet, ["text_encoder"] = encoder });
        await Catalog.PublishAsync(signature, Cancelled);
        ModelSignature found = (await Catalog.FindSignatureAsync("stub", "one", Cancelled))!;
        Assert.Equal(JobJson.Write(signature), JobJson.Write(found));
        Assert.Equal(unet.Find("mid_block_to_q", isFlat: true), found.Parts["unet"].Find("mid_block_to_q", isFlat: true));
        Assert.Null(await Catalog.FindSignatureAsync("stub", "two", Cancelled));
        Assert.Null(await Catalog.FindSignatureAsync("unknown", "one", Cancelled));
        await Catalog.PublishAsync(signature with { Fingerprint = "two" }, Cancelled);
        Assert.Null(await Catalog.FindSignatureAsync("stub", "one", Cancelled));
        Assert.NotNull(await Catalog.FindSignatureAsync("stub", "two", Cancelled));
    }

    [Fact]
    public async Task A_worker_with_other_files_under_a_listed_models_name_is_refused()
    {
        await Catalog.PublishAsync(Worker("a", "stub", "one"), Cancelled);
        await Catalog.PublishAsync(Worker("b", "stub", "one"), Cancelled);
        await Catalog.PublishAsync(Worker("c", "other", "two"), Cancelled);
        ModelException refusal =
            await Assert.ThrowsAsync<ModelException>(async () => await Catalog.PublishAsync(Worker("d", "stub", "two"), Cancelled));
        Assert.Contains("\"stub\"", refusal.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ModelException>(async () => await Catalog.PublishAsync(Model("stub", "two"), Cancelled));
        Assert.Equal(["a", "b", "c"], (await Catalog.WorkersAsync(Cancelled)).Select(worker => worker.Id));
        Assert.Null(await Catalog.FindModelAsync("stub", Cancelled));
        // When it is the only worker, its files may differ from the earlier ones.
        await Catalog.RemoveAsync("b", Cancelled);
        await Catalog.PublishAsync(Worker("a", "stub", "two"), Cancelled);
        await Catalog.PublishAsync(Model("stub", "two"), Cancelled);
    }

    [Fact]
    public async Task Of_workers_that_start_at_once_with_other_files_exactly_one_is_listed()
    {
        for (int round = 0; round < 20; round++)
        {
            bool[] accepted = await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
            {
                try
                {
                    await Catalog.PublishAsync(Worker($"{worker}", "stub", $"files {worker}"), Cancelled);
                    return true;
                }
                catch (ModelException)
                {
                    return false;
                }
            })));
            Assert.Single(accepted, one => one);
            await Catalog.RemoveAsync(Assert.Single(await Catalog.WorkersAsync(Cancelled)).Id, Cancelled);
        }
    }

    [Fact]
    public async Task The_last_measured_times_of_a_shape_and_a_kind_of_device_count()
    {
        var shape = new StageShape("denoise", "stub", "one", 4096, 2);
        Assert.Null((await Catalog.CostsAsync(Cancelled)).Find(shape, "cpu"));
        await Catalog.PublishAsync((CostSample[])[], Cancelled);
        await Catalog.PublishAsync(
            [new CostSample(shape, "cpu", 3), new CostSample(shape, "cpu", 1.25), new CostSample(shape, "cuda", 0.5)], Cancelled);
        await Catalog.PublishAsync([new CostSample(shape, "cpu", 2.5)], Cancelled);
        await Catalog.PublishAsync([new CostSample(shape with { Batch = 1 }, "cpu", 7e-5)], Cancelled);

        StageCosts costs = await Catalog.CostsAsync(Cancelled);
        Assert.Equal(2.5, costs.Find(shape, "cpu"));
        Assert.Equal(0.5, costs.Find(shape, "cuda"));
        Assert.Equal(7e-5, costs.Find(shape with { Batch = 1 }, "cpu"));
        Assert.Equal(["cpu", "cuda"], costs.ProvidersOf(shape).Order());
        Assert.Null(costs.Find(shape with { Fingerprint = "two" }, "cpu"));

        await Catalog.PublishAsync([.. Enumerable.Repeat(new CostSample(shape, "cpu", 10), StageCosts.MaxSamples)], Cancelled);
        Assert.Equal(10, (await Catalog.CostsAsync(Cancelled)).Find(shape, "cpu"));
    }

    [Fact]
    public async Task The_shapes_that_were_measured_last_are_kept()
    {
        var shape = new StageShape("denoise", "stub", "one", 0, 2);
        await Catalog.PublishAsync([new CostSample(shape, "cpu", 1)], Cancelled);
        await Catalog.PublishAsync(
            [.. Enumerable.Range(1, StageCosts.MaxShapes).Select(pixels => new CostSample(shape with { Pixels = pixels }, "cpu", 1))], Cancelled);

        StageCosts costs = await Catalog.CostsAsync(Cancelled);
        Assert.Null(costs.Find(shape, "cpu"));
        Assert.Equal(1, costs.Find(shape with { Pixels = StageCosts.MaxShapes }, "cpu"));
        Assert.Equal(
            StageCosts.MaxShapes,
            Enumerable.Range(0, StageCosts.MaxShapes + 1).Count(pixels => costs.Find(shape with { Pixels = pixels }, "cpu") is not null));
    }

    protected static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private protected ICatalog Catalog => _catalog!;

    private protected static WorkerCard Worker(string id, string model, string fingerprint) =>
        new() { Id = id, Role = "denoiser", Models = new Dictionary<string, string> { [model] = fingerprint } };

    private protected abstract Task<ICatalog> OpenAsync();

    private protected virtual ValueTask CloseAsync() => ValueTask.CompletedTask;

    private static ModelCard Model(string name, string fingerprint) => new()
    {
        Name = name,
        Family = "stable-diffusion",
        Fingerprint = fingerprint,
        Facts = new ModelFacts
        {
            Channels = 4,
            Scale = 8,
            LatentMultiple = 8,
            FixedLatentSize = new LatentSize(8, 16),
            ScalingFactor = 0.13025,
            StatesScalingFactor = true
        },
        Scheduler = new JsonObject { ["_class_name"] = "DDIMScheduler", ["trained_betas"] = null, ["timesteps"] = new JsonArray(1, 2.5) },
        Defaults = new ModelDefaults { Steps = 20, Scheduler = new JsonObject { ["_class_name"] = "euler" } },
        Title = "A name",
        Examples = ["a red apple"],
    };
}
