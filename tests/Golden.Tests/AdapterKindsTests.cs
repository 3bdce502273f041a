using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Diffusion.Noise;
using Brownian.Inference;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tests.Adapters;
using Brownian.Models.Folders;
using Brownian.Requests;

namespace Brownian.Golden.Tests;

/// <summary>Adapters of every kind in whole models, exported ones and imported ones of the same weights.</summary>
public sealed class AdapterKindsTests(ImportedModels imported) : IClassFixture<ImportedModels>
{
    private const string Model = "tiny-sd15", Plain = "plain";

    /// <summary>Modules of every form, with factors of their outputs and inputs, and the side of their kernel.</summary>
    private static readonly (string Stem, (int, int) Outputs, (int, int) Inputs, int Kernel)[] Modules =
    [
        ("lora_unet_input_blocks_0_0", (4, 8), (2, 2), 3),
        ("lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q", (4, 8), (4, 8), 0),
        ("lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k", (8, 8), (4, 8), 0),
        ("lora_unet_mid_block_resnets_0_conv1", (8, 8), (8, 8), 3),
        ("lora_te_text_model_encoder_layers_0_self_attn_q_proj", (4, 8), (4, 8), 0),
    ];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_file_of_any_kind_changes_the_image_of_an_exported_model_and_of_an_imported_one_in_the_same_way()
    {
        using var folder = new TemporaryFolder();
        string[] files = [.. MadeUpAdapter.Kinds, "outputs", "inputs", "magnitudes", "biases"];
        foreach ((string name, int index) in files.Select((name, index) => (name, index)))
        {
            File.WriteAllBytes(folder.Combine(name + ".safetensors"), Adapter(name, (ulong)index).Bytes());
        }
        Dictionary<string, byte[]> exported = await DrawAsync(Path.Combine(GoldenCase.Data, "models", Model)),
            other = await DrawAsync(imported.Folder(Model));

        Assert.All(files, name => GoldenCase.AssertPixels(exported[name], other[name]));
        // All images differ from each other.
        Assert.Equal(exported.Count, exported.Values.Select(Convert.ToHexString).Distinct().Count());

        async Task<Dictionary<string, byte[]>> DrawAsync(string model)
        {
            using ImageGenerator generator = await ImageGenerator.LoadAsync(
                [ModelFolder.Open(model)], new SessionSettings(Threads: 1), new AdapterCatalog([folder.FullPath], takesPaths: false), Stop);
            var images = new Dictionary<string, byte[]>();
            foreach (string name in files.Prepend(Plain))
            {
                var request = new JsonObject { ["prompt"] = "cat umbrella moon", ["width"] = 64, ["height"] = 64, ["steps"] = 2, ["seed"] = 3 };
                if (name != Plain)
                {
                    request["loras"] = new JsonArray(new JsonObject { ["file"] = name, ["weight"] = -0.5 });
                }
                await foreach (GeneratedImage image in generator.GenerateAsync(generator.Resolve(RequestReader.Read(request)), null, Stop))
                {
                    images.Add(name, image.Pixels.Rgb);
                }
            }
            return images;
        }
    }

    /// <summary>Creates an adapter of one kind, of LoRA with one of the forms of DoRA, or of biases alone.</summary>
    private static SafetensorsWriter Adapter(string name, ulong seed)
    {
        var generator = new TorchCpuGenerator(seed);
        var adapter = new MadeUpAdapter(new SafetensorsWriter(), () =>
        {
            Span<float> one = [0];
            generator.FillNormal(one);
            return one[0] * 0.3f;
        });
        foreach ((string stem, (int, int) outputs, (int, int) inputs, int kernel) in Modules)
        {
            int rows = outputs.Item1 * outputs.Item2, columns = inputs.Item1 * inputs.Item2;
            int[] point = kernel == 0 ? [] : [1, 1];
            if (name == "biases")
            {
                // Query and key of the UNet have no bias.
                if (!stem.Contains("attn", StringComparison.Ordinal) || stem.StartsWith("lora_te_", StringComparison.Ordinal))
                {
                    adapter.Tensor($"{stem}.diff_b", adapter.Values(rows), rows);
                }
                continue;
            }
            adapter.Write(stem, MadeUpAdapter.Kinds.Contains(name) ? name : "lora", outputs, inputs, kernel, 2, 1);
            if (name is "outputs" or "magnitudes" or "inputs")
            {
                float[] lengths = Array.ConvertAll(adapter.Values(name == "inputs" ? columns : rows), value => MathF.Abs(value) + 0.5f);
                _ = name switch
                {
                    "outputs" => adapter.Tensor($"{stem}.dora_scale", lengths, [rows, 1, .. point]),
                    "inputs" => adapter.Tensor($"{stem}.dora_scale", lengths, [1, columns, .. point]),
                    _ => adapter.Tensor($"{stem}.lora_magnitude_vector", lengths, rows),
                };
            }
        }
        return adapter.Writer;
    }
}
