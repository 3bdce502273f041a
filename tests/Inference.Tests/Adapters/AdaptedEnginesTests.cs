using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Diffusion.Faults;
using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Requests;
using Brownian.Requests.References;

namespace Brownian.Inference.Tests.Adapters;

/// <summary>Requests with LoRAs through whole models.</summary>
public sealed class AdaptedEnginesTests : IAsyncLifetime
{
    private static readonly AdapterCatalog Catalog = new([GoldenData.LoraFolder], takesPaths: false);

    private ImageGenerator _generator = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _generator = await LoadAsync();

    public ValueTask DisposeAsync()
    {
        _generator.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_LoRA_of_weight_zero_changes_no_byte()
    {
        byte[] plain = await DrawAsync(_generator);
        Assert.Equal(plain, await DrawAsync(_generator, ("sd15-kohya-f16.safetensors", 0)));
        Assert.NotEqual(plain, await DrawAsync(_generator, ("sd15-kohya-f16.safetensors", 0.5)));
    }

    [Fact]
    public async Task Sets_of_LoRAs_used_in_turn_give_the_images_of_fresh_engines()
    {
        (string, double)[] one = [("sd15-kohya-f16.safetensors", 1)], other = [("sd15-locon.safetensors", -0.7), ("sd15-peft.safetensors", 0.4)];
        byte[] first, second;
        using (ImageGenerator fresh = await LoadAsync())
        {
            first = await DrawAsync(fresh, one);
        }
        using (ImageGenerator fresh = await LoadAsync())
        {
            second = await DrawAsync(fresh, other);
        }
        for (int round = 0; round < 2; round++)
        {
            Assert.Equal(first, await DrawAsync(_generator, one));
            Assert.Equal(second, await DrawAsync(_generator, other));
        }
    }

    [Fact]
    public async Task Only_the_models_own_graphs_and_those_of_two_LoRA_sets_stay_loaded()
    {
        using var engines = new LocalEngines([GoldenData.Model("tiny-sd15")], new SessionSettings(Threads: 1), adapters: Catalog);
        (await engines.DenoiserAsync("tiny-sd15", null, Stop)).Dispose();
        for (int i = 1; i <= 50; i++)
        {
            var set = new AdapterReferences { Loras = [new LoraReference("sd15-kohya-f16.safetensors", i / 50.0)] };
            (await engines.DenoiserAsync("tiny-sd15", null, null, set, [], Stop)).Dispose();
            (await engines.TextEncoderAsync("tiny-sd15", null, set, Stop)).Dispose();
        }
        // The graphs of two sets, and the model's own.
        Assert.Equal(5, engines.Loaded.Count);
        Assert.Equal(3, engines.Loaded.Count(graph => graph.Part == "unet"));
    }

    [Theory]
    [InlineData("sdxl-peft.safetensors", 1, "loras[0]: sdxl-peft.safetensors has")]
    [InlineData("no-such-file", 1, "loras[0]: there is no file \"no-such-file\"; known: ")]
    [InlineData("../models/tiny-sd15/unet/model.onnx", 1, "loras[0]: \"../models/tiny-sd15/unet/model.onnx\" is outside the folders of adapters")]
    [InlineData("sd15-peft.safetensors", 11, "loras[0].weight: 11 is not allowed; allowed: -10..10")]
    public void An_invalid_LoRA_is_refused_by_field(string file, double weight, string says)
    {
        FieldFaultException refused = Assert.Throws<FieldFaultException>(() => _generator.Resolve(RequestReader.Read(Request((file, weight)))));
        Assert.Contains(says, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Seventeen_LoRAs_are_refused()
    {
        FieldFaultException refused =
            Assert.Throws<FieldFaultException>(() => RequestReader.Read(Request([.. Enumerable.Repeat(("sd15-peft.safetensors", 1.0), 17)])));
        Assert.Contains("loras: \"17 files\" is not allowed; allowed: a list of up to 16", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_LoRA_file_of_the_same_name_is_refused()
    {
        Formats.Files.ModelException refused = Assert.Throws<Formats.Files.ModelException>(
            () => Catalog.Open(new AdapterReferences { Loras = [new LoraReference("sd15-peft", 1, new string('0', 64))] }));
        Assert.Contains("is a different file here", refused.Message, StringComparison.Ordinal);
    }

    private static Task<ImageGenerator> LoadAsync() =>
        ImageGenerator.LoadAsync([GoldenData.Model("tiny-sd15")], new SessionSettings(Threads: 1), Catalog, Stop);

    private static JsonObject Request(params (string File, double Weight)[] loras) => new()
    {
        ["prompt"] = "cat umbrella moon",
        ["width"] = 64,
        ["height"] = 64,
        ["steps"] = 2,
        ["seed"] = 3,
        ["loras"] = new JsonArray([.. loras.Select(lora => new JsonObject { ["file"] = lora.File, ["weight"] = lora.Weight })]),
    };

    private static async Task<byte[]> DrawAsync(ImageGenerator generator, params (string File, double Weight)[] loras)
    {
        await foreach (GeneratedImage image in generator.GenerateAsync(generator.Resolve(RequestReader.Read(Request(loras))), null, Stop))
        {
            return image.Pixels.Rgb;
        }
        throw new InvalidOperationException("No picture came");
    }
}
