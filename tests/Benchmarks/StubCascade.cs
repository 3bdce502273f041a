using Brownian.Diffusion.Noise;
using Brownian.Inference.Tests.Models;

namespace Brownian.Benchmarks;

/// <summary>Writes a cascade in DeepFloyd IF's layout whose graphs multiply with random weights of any size.</summary>
internal static class StubCascade
{
    private const int Tokens = 77, Width = 1024, Inner = 4096, Words = 2112;
    private const float Deviation = 0.01f;

    /// <summary>Writes <c>cascade.json</c> and two models.</summary>
    /// <param name="folder">The folder to write to.</param>
    /// <param name="text">MiB of weights of the text encoder, which the second model's folder links to.</param>
    /// <param name="first">MiB of weights of the first UNet.</param>
    /// <param name="second">MiB of weights of the second UNet.</param>
    public static void Write(string folder, int text, int first, int second)
    {
        WriteModel(Path.Combine(folder, "stage-1"), "tiny-if", 3, 16, first);
        WriteModel(Path.Combine(folder, "stage-2"), "tiny-if-sr", 6, 32, second);
        string encoder = Path.Combine(folder, "stage-1", "text_encoder");
        var graph = new OnnxStub().Input("input_ids", OnnxStub.Int64, null, Tokens).Input("attention_mask", OnnxStub.Int64, null, Tokens)
            .Output("last_hidden_state", OnnxStub.Float32, null, Tokens, Width);
        graph.Weights("words", Numbers(Words * Width, 0), Words, Width).Node("Gather", ["words", "input_ids"], "looked_up");
        graph.Node("Identity", [AddLayers(graph, encoder, "looked_up", text)], "last_hidden_state").Save(Path.Combine(encoder, "model.onnx"));
        Directory.CreateSymbolicLink(Path.Combine(folder, "stage-2", "text_encoder"), Path.Combine("..", "stage-1", "text_encoder"));
        File.WriteAllText(
            Path.Combine(folder, "cascade.json"),
            """
            {
              "stages": [
                { "role": "base", "model": "stage-1", "settings": { "steps": 3 } },
                { "role": "super-resolution", "model": "stage-2", "seed_offset": 1, "settings": { "steps": 3 } }
              ]
            }
            """);
    }

    private static void WriteModel(string folder, string like, int channels, int side, int mebibytes)
    {
        string source = Repository.Combine("tests", "Golden.Tests", "Data", "models", like), unet = Path.Combine(folder, "unet");
        foreach (string part in Directory.GetDirectories(source).Select(path => Path.GetFileName(path)).Where(part => part == "tokenizer"
            || part.EndsWith("scheduler", StringComparison.Ordinal)))
        {
            Directory.CreateDirectory(Path.Combine(folder, part));
            foreach (string file in Directory.GetFiles(Path.Combine(source, part)))
            {
                File.Copy(file, Path.Combine(folder, part, Path.GetFileName(file)));
            }
        }
        File.Copy(Path.Combine(source, "model_index.json"), Path.Combine(folder, "model_index.json"));
        Directory.CreateDirectory(unet);
        File.WriteAllText(
            Path.Combine(unet, "config.json"),
            string.Create(
                CultureInfo.InvariantCulture,
                $$"""{ "in_channels": {{channels}}, "out_channels": 6, "sample_size": {{side}}, "block_out_channels": [16, 24, 32] }"""));
        var graph = new OnnxStub()
            .Input("sample", OnnxStub.Float32, null, channels, null, null).Input("timestep", OnnxStub.Float32)
                .Input("encoder_hidden_states", OnnxStub.Float32, null, Tokens, Width)
            .Output("out_sample", OnnxStub.Float32, null, 6, null, null);
        if (channels > 3)
        {
            graph.Input("class_labels", OnnxStub.Int64, [null]);
        }
        // The prompt's mean passes through the weights and moves every pixel a little.
        graph.Node("ReduceMean", ["encoder_hidden_states"], "mean", ("axes", (int[])[1]), ("keepdims", 0))
            .Weights("last", Numbers(Width, 1), Width, 1)
            .Whole("sides", [2, 3], 2)
            .Node("MatMul", [AddLayers(graph, unet, "mean", mebibytes), "last"], "moved")
            .Node("Unsqueeze", ["moved", "sides"], "move")
            .Node("Concat", channels > 3 ? ["sample"] : ["sample", "sample"], "six", ("axis", 1))
            .Node("Add", ["six", "move"], "out_sample")
            .Save(Path.Combine(unet, "model.onnx"));
    }

    /// <summary>Pairs of products, each of two matrices of 16 MiB in files beside the graph.</summary>
    private static string AddLayers(OnnxStub graph, string folder, string values, int mebibytes)
    {
        int pairs = mebibytes * (1 << 20) / (2 * Width * Inner * sizeof(float));
        for (int i = 0; i < pairs; i++)
        {
            string wide = string.Create(CultureInfo.InvariantCulture, $"wide{i}"), narrow = string.Create(CultureInfo.InvariantCulture, $"narrow{i}");
            graph.ExternalWeights(folder, wide + ".bin", wide, Numbers(Width * Inner, (ulong)(2 * i)), Width, Inner)
                .ExternalWeights(folder, narrow + ".bin", narrow, Numbers(Inner * Width, (ulong)(2 * i) + 1), Inner, Width)
                .Node("MatMul", [values, wide], wide + "_out")
                .Node("MatMul", [wide + "_out", narrow], narrow + "_out");
            values = narrow + "_out";
        }
        return values;
    }

    private static float[] Numbers(int count, ulong seed)
    {
        float[] values = new float[count];
        new TorchCpuGenerator(seed).FillNormal(values);
        for (int i = 0; i < count; i++)
        {
            values[i] *= Deviation;
        }
        return values;
    }
}
