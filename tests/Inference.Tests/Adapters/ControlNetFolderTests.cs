using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Diffusion.Faults;
using Brownian.Formats.Files;
using Brownian.Formats.Images;
using Brownian.Imaging;
using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tests.Models;
using Brownian.Models.Facts;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Requests;
using Brownian.Requests.References;
using Brownian.Tests.Programs;

namespace Brownian.Inference.Tests.Adapters;

/// <summary>ControlNets in folders of adapters, used with a model that has none of its own or one.</summary>
public sealed class ControlNetFolderTests : IDisposable
{
    private static readonly SessionSettings OneThread = new(Threads: 1);

    private readonly TemporaryFolder _folder = new();
    private readonly string _adapters;
    private readonly ModelFolder _whole = GoldenData.Model("tiny-sd15-controlnet");
    private readonly ModelFolder _bare;

    public ControlNetFolderTests()
    {
        _adapters = _folder.Combine("adapters");
        Copy("controlnet", Path.Combine(_adapters, "edges"));
        Copy("controlnet_1", Path.Combine(_adapters, "more", "depth"));
        _bare = ModelFolder.Open(SaveModel("bare"));
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private AdapterCatalog Catalog => new([_adapters], takesPaths: false);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_ControlNet_found_by_name_gives_the_image_of_the_models_own()
    {
        byte[] own = await DrawAsync(_whole, AdapterCatalog.None, "controlnet_1", "controlnet");
        Assert.Equal(own, await DrawAsync(_bare, Catalog, "more/depth", "edges"));
        ModelFolder mixed = ModelFolder.Open(SaveModel("mixed", "controlnet"));
        Assert.Equal(own, await DrawAsync(mixed, Catalog, "more/depth", "controlnet"));
        Assert.NotEqual(own, await DrawAsync(_bare, Catalog, "edges", "edges"));
        // A request that may name files of this machine can name any folder.
        Assert.Equal(
            own,
            await DrawAsync(
                _bare, new AdapterCatalog([], takesPaths: true), Path.Combine(_adapters, "more", "depth"), Path.Combine(_adapters, "edges")));
    }

    [Theory]
    [InlineData("nonsense", "there is no ControlNet \"nonsense\"; known: edges, more/depth")]
    [InlineData("../adapters/edges/../../bare/unet", "is outside the folders of adapters")]
    [InlineData("/etc", "is outside the folders of adapters")]
    [InlineData("a\0b", "there is no ControlNet with a zero character in its name")]
    [InlineData("more", "more contains no ControlNet: model.onnx is missing")]
    [InlineData("unet", "unet is not a ControlNet: its graph lacks controlnet_cond, conditioning_scale")]
    [InlineData("damaged", "is not an ONNX model")]
    [InlineData("wide", "wide takes embeddings of width 48, the model bare has embeddings of width 32: they belong to different models")]
    [InlineData("xl", "xl is a ControlNet of Stable Diffusion XL; the model bare is not")]
    [InlineData("short", "short is for 3 layers of 32, 32, 32 channels, the model bare has ")]
    [InlineData("thick", "thick is for ")]
    public async Task A_folder_that_is_no_ControlNet_of_the_model_is_refused_by_field(string name, string says)
    {
        Directory.CreateSymbolicLink(Path.Combine(_adapters, "unet"), Path.GetDirectoryName(_whole.Require("unet").File)!);
        SaveText("damaged", "no graph");
        using ImageGenerator generator = await ImageGenerator.LoadAsync([_bare], OneThread, Catalog, Stop);
        IReadOnlyList<int> layers = (await DescribeAsync()).Facts.ControlLayers!;
        Assert.Equal(32, layers[0]);
        SaveNet("wide", width: 48, layers);
        SaveNet("xl", width: 32, layers, isXl: true);
        SaveNet("short", width: 32, [32, 32, 32]);
        SaveNet("thick", width: 32, [.. layers.Select(channels => channels + 1)]);
        SaveNet("fits", width: 32, layers);

        FieldFaultException refused = Assert.Throws<FieldFaultException>(() => Resolve(generator, "fits", name));

        // The other faults of the request are reported with it.
        Assert.Equal(["controlnets[1]", "width"], refused.Faults.Select(fault => fault.Field));
        if (name is "nonsense")
        {
            says = says.Replace("known: ", "known: damaged, ", StringComparison.Ordinal)
                .Replace("more/depth", "fits, more/depth, short, thick, unet, wide, xl", StringComparison.Ordinal);
        }
        Assert.Contains(says, refused.Faults[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_ControlNet_without_a_name_or_a_folder_is_refused_with_the_missing_part()
    {
        using ImageGenerator generator = await ImageGenerator.LoadAsync([_bare], OneThread, AdapterCatalog.None, Stop);
        FieldFault unnamed = Assert.Single(Assert.Throws<FieldFaultException>(() => Resolve(generator, RequestOf())).Faults);
        Assert.Equal(
            ("controlnets", true),
            (unnamed.Field, unnamed.Message.StartsWith("is missing; the model bare has none of its own", StringComparison.Ordinal)));
        FieldFault unknown = Assert.Single(Assert.Throws<FieldFaultException>(() => Resolve(generator, RequestOf("edges"))).Faults);
        Assert.Equal(
            ("controlnets[0]",
                "there is no ControlNet \"edges\"; this server has no folder of adapters (its setting Platform:AdapterFolders, or "
                    + "BROWNIAN_ADAPTERS)"),
            (unknown.Field, unknown.Message));
    }

    [Fact]
    public async Task A_ControlNet_whose_files_changed_since_the_request_is_refused()
    {
        var adapters = new AdapterCatalog([_adapters], takesPaths: false);
        ControlNetReference reference = Look(adapters, await DescribeAsync(), "edges");
        using var engines = new LocalEngines([_bare], OneThread, adapters: adapters);
        (await engines.DenoiserAsync("bare", null, null, null, [reference], Stop)).Dispose();

        File.AppendAllText(Path.Combine(_adapters, "edges", "config.json"), "\n");
        ModelException other = await Assert.ThrowsAsync<ModelException>(() => engines.DenoiserAsync("bare", null, null, null, [reference], Stop));
        Assert.Contains("edges has other files here", other.Message, StringComparison.Ordinal);
        Assert.NotEqual(reference, Look(adapters, await DescribeAsync(), "edges"));

        Directory.Delete(Path.Combine(_adapters, "edges"), recursive: true);
        ModelException gone = await Assert.ThrowsAsync<ModelException>(() => engines.DenoiserAsync("bare", null, null, null, [reference], Stop));
        Assert.Contains("there is no ControlNet \"edges\"; known: more/depth", gone.Message, StringComparison.Ordinal);
        ModelException own = await Assert.ThrowsAsync<ModelException>(
            () => engines.DenoiserAsync("bare", null, null, null, [new ControlNetReference("controlnet")], Stop));
        Assert.Contains("The model \"bare\" has no ControlNet controlnet", own.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_ControlNet_is_shared_by_models_and_unloaded_when_memory_is_short()
    {
        ModelFolder second = ModelFolder.Open(SaveModel("second"));
        AdapterCatalog adapters = Catalog;
        ControlNetReference edges = Look(adapters, await DescribeAsync(), "edges"), depth = Look(adapters, await DescribeAsync(), "more/depth");
        using var engines = new LocalEngines([_bare, second], OneThread, adapters: adapters);
        float[] alone = await RunAsync(engines, "bare", edges);

        float[][] together =
            await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => RunAsync(engines, i % 2 == 0 ? "bare" : "second", edges))));

        Assert.All(together, latents => Assert.Equal(alone, latents));
        Assert.Equal(1, engines.Loaded.Count(graph => graph.Part == "model.onnx@" + edges.Fingerprint));
        Assert.Equal(3, engines.Loaded.Count);

        // Enough memory for a UNet and one ControlNet.
        using var small = new LocalEngines(
            [_bare], OneThread, new FileInfo(_whole.Require("unet").File).Length + (new FileInfo(_whole.Require("controlnet").File).Length * 3 / 2),
            adapters);
        Assert.Equal(alone, await RunAsync(small, "bare", edges));
        Assert.NotEqual(alone, await RunAsync(small, "bare", depth));
        Assert.Equal(["model.onnx@" + depth.Fingerprint, "unet"], small.Loaded.Select(graph => graph.Part).Order(StringComparer.Ordinal));
        Assert.Equal(alone, await RunAsync(small, "bare", edges));
    }

    [Fact]
    public async Task The_graph_of_the_models_precision_is_used_if_the_folder_has_it()
    {
        string edges = Path.Combine(_adapters, "edges");
        File.Copy(Path.Combine(_adapters, "more", "depth", "model.onnx"), Path.Combine(edges, "model_fp16.onnx"));
        AdapterCatalog adapters = Catalog;
        ModelCard model = await DescribeAsync();
        ControlNetReference both = Look(adapters, model, "edges"), depth = Look(adapters, model, "more/depth");
        Assert.Equal("model.onnx", Path.GetFileName(adapters.Open(both).GraphOf(null).File));
        Assert.Equal("model_fp16.onnx", Path.GetFileName(adapters.Open(both).GraphOf("fp16").File));
        Assert.Equal("model.onnx", Path.GetFileName(adapters.Open(depth).GraphOf("fp16").File));
    }

    [Fact]
    public async Task A_ControlNet_is_loaded_once_for_every_spelling_of_its_name()
    {
        var adapters = new AdapterCatalog([_adapters + "/"], takesPaths: false);
        ModelCard model = await DescribeAsync();
        ControlNetReference[] spelled = [.. ((string[])["edges", "./edges", "more/../edges", "edges/"]).Select(name => Look(adapters, model, name))];
        using var engines = new LocalEngines([_bare], OneThread, adapters: adapters);
        foreach (ControlNetReference net in spelled)
        {
            await RunAsync(engines, "bare", net);
        }
        Assert.Equal(2, engines.Loaded.Count);
    }

    private static ControlNetReference Look(AdapterCatalog adapters, ModelCard model, string name)
    {
        var faults = new List<FieldFault>();
        GenerationRequest request = adapters.Open(RequestReader.Read(RequestOf(name)), model, faults);
        Assert.Empty(faults);
        return request.ControlNets!.Single();
    }

    private static async Task<float[]> RunAsync(LocalEngines engines, string model, ControlNetReference net)
    {
        using EngineLease<IDenoiser> denoiser = await engines.DenoiserAsync(model, null, null, null, [net], Stop);
        DenoiseTask task = Engines.ControlNetTests.Guided() with { Controls = [Engines.ControlNetTests.Control("x", 1) with { Net = net }] };
        return (await denoiser.Engine.DenoiseAsync([task], null, Stop))[0].Latents.Values;
    }

    private static JsonObject RequestOf(params string[] nets) => new()
    {
        ["prompt"] = "x",
        ["control_image"] = new JsonArray([.. Enumerable.Range(0, Math.Max(1, nets.Length)).Select(_ => (JsonNode)"control")]),
        ["controlnets"] = new JsonArray([.. nets.Select(net => (JsonNode)net)]),
        ["steps"] = 2,
        ["seed"] = 1,
        ["width"] = 64,
        ["height"] = 64,
    };

    private static ResolvedRequest Resolve(ImageGenerator generator, JsonObject json)
    {
        GenerationRequest request = RequestReader.Read(json);
        return generator.Resolve(
            request, new RequestImages { ControlImages = [.. request.ControlImages.Select(name => new RequestImage(name, 64, 64))] });
    }

    /// <summary>Two ControlNets, and a width that the model does not support.</summary>
    private static ResolvedRequest Resolve(ImageGenerator generator, string first, string second)
    {
        JsonObject json = RequestOf(first, second);
        json["width"] = 63;
        return Resolve(generator, json);
    }

    private static async Task<byte[]> DrawAsync(ModelFolder model, AdapterCatalog adapters, params string[] nets)
    {
        using ImageGenerator generator = await ImageGenerator.LoadAsync([model], OneThread, adapters, Stop);
        var scene = new PixelImage(64, 64, [.. Enumerable.Range(0, 3 * 64 * 64).Select(i => (byte)(i * 7 % 251))]);
        var files = new Dictionary<string, ReadOnlyMemory<byte>>
        { ["control"] = ImageWriter.Encode(scene, new OutputSettings { Metadata = false }, "") };
        var drawn = new List<byte[]>();
        await foreach (GeneratedImage image in generator.GenerateAsync(Resolve(generator, RequestOf(nets)), files, null, null, Stop))
        {
            drawn.Add(image.Pixels.Rgb);
        }
        return Assert.Single(drawn);
    }

    private async Task<ModelCard> DescribeAsync()
    {
        using var engines = new LocalEngines([_bare], OneThread);
        return await engines.DescribeAsync("bare", Stop);
    }

    /// <summary>The model with some of its ControlNets.</summary>
    private string SaveModel(string name, params string[] nets)
    {
        string path = _folder.Combine(name);
        Directory.CreateDirectory(path);
        foreach (string directory in Directory.GetDirectories(_whole.FolderPath).Where(directory => Path.GetFileName(directory) is var part
            && (!part.StartsWith("controlnet", StringComparison.Ordinal) || nets.Contains(part))))
        {
            Directory.CreateSymbolicLink(Path.Combine(path, Path.GetFileName(directory)), directory);
        }
        return path;
    }

    private void Copy(string part, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string file in Directory.GetFiles(Path.GetDirectoryName(_whole.Require(part).File)!))
        {
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }
    }

    private void SaveText(string name, string text)
    {
        Directory.CreateDirectory(Path.Combine(_adapters, name));
        File.WriteAllText(Path.Combine(_adapters, name, "model.onnx"), text);
    }

    private void SaveNet(string name, int width, IReadOnlyList<int> layers, bool isXl = false)
    {
        OnnxStub stub = new OnnxStub()
            .Input("sample", OnnxStub.Float32, null, 4, null, null)
            .Input("timestep", OnnxStub.Float32)
            .Input("encoder_hidden_states", OnnxStub.Float32, null, null, width)
            .Input("controlnet_cond", OnnxStub.Float32, null, 3, null, null)
            .Input("conditioning_scale", OnnxStub.Float32);
        if (isXl)
        {
            stub.Input("text_embeds", OnnxStub.Float32, null, 5).Input("time_ids", OnnxStub.Float32, null, 6);
        }
        for (int i = 0; i < layers.Count; i++)
        {
            stub.Output(i == layers.Count - 1 ? "mid_block" : $"down_block_{i}", OnnxStub.Float32, null, layers[i], null, null);
        }
        Directory.CreateDirectory(Path.Combine(_adapters, name));
        stub.Save(Path.Combine(_adapters, name, "model.onnx"));
    }
}
