using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using Brownian.Adapters;
using Brownian.Formats.Files;
using Brownian.Formats.Safetensors;
using Brownian.Formats.Tensors;
using Brownian.Inference.Engines;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tests.Models;
using Brownian.Tests.Programs;
using Brownian.Tokenizers;
using CsCheck;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Inference.Tests.Adapters;

public sealed class PatchTests
{
    private static readonly SessionSettings OneThread = new(Threads: 1);

    public static TheoryData<string> Names => [.. GoldenData.Loras];

    [Theory]
    [InlineData("lora-sd15-text-encoder")]
    [InlineData("lora-sd15-kohya")]
    [InlineData("lora-sd15-two")]
    [InlineData("textual-inversion-two-vectors")]
    [InlineData("textual-inversion-i2i-other-token")]
    public async Task A_patched_text_encoder_gives_the_references_embeddings(string name)
    {
        JsonObject golden = GoldenData.Case(name);
        AdapterSet adapters = GoldenData.Adapters(golden);
        Dictionary<string, GraphWeights> weights = GoldenData.Weights("tiny-sd15");
        adapters.Check(weights.Signatures());
        using PatchedGraph patched = adapters.Patch("text_encoder", weights["text_encoder"]);
        using var encoder = new LocalTextEncoder(
            ClipTokenizer.Load(GoldenData.Model("tiny-sd15").Tokenizer!).WithTokens(adapters.Tokens), OnnxGraph.Load(patched, OneThread));
        foreach ((string text, string prefix) in ((string, string)[])[("prompt", ""), ("negative_prompt", "negative_")])
        {
            TextEncoding encoding =
                await encoder.EncodeAsync(golden["request"]![text]?.GetValue<string>() ?? "", TestContext.Current.CancellationToken);
            Assert.Equal(GoldenData.Ids(golden, prefix + "token_ids"), encoding.Prompt.Ids[0]);
            AssertClose(GoldenData.Expected(name, prefix + "prompt_embeds").Values, encoding.Features.Embedding.Values);
        }
    }

    [Theory]
    [InlineData("lora-sdxl-peft")]
    [InlineData("lora-sdxl-kohya-sgm")]
    public void Both_text_encoders_of_SDXL_give_the_references_embeddings(string name)
    {
        JsonObject golden = GoldenData.Case(name);
        AdapterSet adapters = GoldenData.Adapters(golden);
        Dictionary<string, GraphWeights> weights = GoldenData.Weights("tiny-sdxl");
        Tensor first = Hidden("text_encoder", "token_ids"), second = Hidden("text_encoder_2", "token_ids_2");
        float[] both =
        [
            .. first.Values.Chunk(first.Shape[2]).Zip(second.Values.Chunk(second.Shape[2]), (one, other) => (float[])[.. one, .. other])
                .SelectMany(row => row)
        ];
        AssertClose(GoldenData.Expected(name, "prompt_embeds").Values, both);

        Tensor Hidden(string part, string ids)
        {
            using PatchedGraph patched = adapters.Patch(part, weights[part]);
            using OnnxGraph graph = OnnxGraph.Load(patched, OneThread);
            string last = $"hidden_states.{graph.Outputs.Count(output => output.Name.StartsWith("hidden_states.", StringComparison.Ordinal)) - 2}";
            long[] tokens = GoldenData.Ids(golden, ids);
            using var input = new BoundTensor(graph.Inputs[0].Dtype, 1, tokens.Length);
            input.SetIds(0, tokens);
            return Run(graph, last, (graph.Inputs[0].Name, input));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_LoRA_of_weight_zero_changes_no_byte(string name)
    {
        Dictionary<string, GraphWeights> weights = GoldenData.Weights(GoldenData.ModelOf(name));
        var nothing = new AdapterSet([new LoraUse(GoldenData.Lora(name), 0)], []);
        Assert.All(weights, part =>
        {
            Assert.Null(nothing.KeyOf(part.Key));
            using PatchedGraph patched = nothing.Patch(part.Key, part.Value);
            Assert.Equal(File.ReadAllBytes(part.Value.FilePath), patched.Bytes);
        });
    }

    [Fact]
    public void A_LoRA_set_changes_only_the_graphs_that_it_has_modules_for()
    {
        var set = new AdapterSet([new LoraUse(GoldenData.Lora("sd15-te-peft-bf16.safetensors"), 1)], []);
        Assert.NotNull(set.KeyOf("text_encoder"));
        Assert.Null(set.KeyOf("unet"));
        Assert.Null(set.KeyOf("vae_decoder"));
    }

    [Fact]
    public void A_merged_graph_equals_a_manual_merge_bit_for_bit()
    {
        // Sums over many ranks and both orders of a matrix, in float32 and float16.
        Gen.Select(Gen.Int[1, 9], Gen.Int[1, 9], Gen.Int[1, 7], Gen.Float[-2, 2].Array[400], Gen.Double[-2, 2], Gen.Bool).Sample(
            (inputs, outputs, rank, numbers, strength, half) =>
            {
                float[] conv = Stored(0, outputs * inputs), linear = Stored(81, inputs * outputs), x = Slice(162, inputs);
                float[] convDown = Slice(180, rank * inputs), convUp = Slice(250, outputs * rank), down = Slice(100, rank * inputs),
                up = Slice(50, outputs * rank);
                LoraFile lora = Lora(new SafetensorsWriter()
                    .Floats("unet.conv_in.lora_A.weight", convDown, rank, inputs, 1, 1)
                        .Floats("unet.conv_in.lora_B.weight", convUp, outputs, rank, 1, 1)
                    .Floats("unet.conv_in.alpha", [3], 1)
                    .Floats("unet.mid_block.to_q.lora_A.weight", down, rank, inputs).Floats("unet.mid_block.to_q.lora_B.weight", up, outputs, rank));
                using var folder = new TemporaryFolder();
                string plain = folder.Combine("plain.onnx"), merged = folder.Combine("merged.onnx");
                Save(plain, conv, linear);
                float convScale = (float)(strength * 3 / rank), scale = (float)strength;
                Save(
                    merged,
                    ByHand(conv, outputs, inputs, rank, (o, i, r) => convUp[o * rank + r] * convDown[r * inputs + i], convScale),
                    ByHand(linear, inputs, outputs, rank, (i, o, r) => up[o * rank + r] * down[r * inputs + i], scale));
                using PatchedGraph patched = new AdapterSet([new LoraUse(lora, strength)], []).Patch("unet", GraphWeights.Read(plain));
                using OnnxGraph ours = OnnxGraph.Load(patched, OneThread), theirs = OnnxGraph.Load(merged, OneThread);
                Assert.All((string[])["conv", "linear"], output => Assert.Equal(Bits(Output(theirs, output)), Bits(Output(ours, output))));

                float[] Slice(int start, int length) => numbers[start..(start + length)];

                float[] Stored(int start, int length) => half ? [.. Slice(start, length).Select(value => (float)(Half)value)] : Slice(start, length);

                void Save(string file, float[] convWeights, float[] linearWeights)
                {
                    int type = half ? OnnxStub.Float16 : OnnxStub.Float32;
                    var stub = new OnnxStub().Input("x", type, 1, inputs).Whole("axes", [2, 3], 2);
                    Func<string, float[], long[], OnnxStub> add = half ? stub.HalfWeights : stub.Weights;
                    add("conv_in.weight", convWeights, [outputs, inputs, 1, 1]);
                    add("onnx::MatMul_1", linearWeights, [inputs, outputs]);
                    stub.Node("Unsqueeze", ["x", "axes"], "x4")
                        .Node("Conv", ["x4", "conv_in.weight"], "conv")
                        .Named("/mid_block/to_q/MatMul", "MatMul", ["x", "onnx::MatMul_1"], "linear")
                        .Output("conv", type, 1, outputs, 1, 1).Output("linear", type, 1, outputs).Save(file);
                }

                float[] Output(OnnxGraph graph, string name)
                {
                    using var input = new BoundTensor(graph.Inputs[0].Dtype, 1, inputs);
                    x.CopyTo(input.Values);
                    input.Push();
                    return Run(graph, name, ("x", input)).Values;
                }
            },
            iter: 40,
            threads: 1);
    }

    [Fact]
    public void A_merged_unet_equals_a_manually_changed_file_bit_for_bit()
    {
        string file = GoldenData.Model("tiny-sd15").Require("unet").File;
        const string Name = "down_blocks.0.resnets.0.conv1.weight";
        SafetensorsFile tensors = SafetensorsFile.Read(Path.Combine(AppContext.BaseDirectory, "Data", "loras", "sd15-locon.safetensors"));
        string module = "lora_unet_" + Name[..^".weight".Length].Replace('.', '_');
        float[] down = tensors.Values(tensors.Tensors[module + ".lora_down.weight"]),
        up = tensors.Values(tensors.Tensors[module + ".lora_up.weight"]);
        LoraFile one = Lora(
            new SafetensorsWriter().Floats(module + ".lora_down.weight", down, 2, 32, 3, 3).Floats(module + ".lora_up.weight", up, 32, 2, 1, 1)
                .Floats(module + ".alpha", [1]));

        // The weight's bytes follow its name.
        byte[] bytes = File.ReadAllBytes(file);
        int length = 32 * 32 * 9 * sizeof(float), at = bytes.AsSpan().IndexOf((byte[])[.. Encoding.UTF8.GetBytes(Name), 0x4A]) + Name.Length + 1;
        Assert.Equal(length, (bytes[at] & 0x7F) | (bytes[at + 1] & 0x7F) << 7 | bytes[at + 2] << 14);
        float[] weight = MemoryMarshal.Cast<byte, float>(bytes.AsSpan(at + 3, length)).ToArray();
        float[] merged = ByHand(weight, 32, 288, 2, (o, i, r) => up[o * 2 + r] * down[r * 288 + i], (float)(0.7 * 1 / 2));
        MemoryMarshal.AsBytes(merged.AsSpan()).CopyTo(bytes.AsSpan(at + 3));

        GraphWeights weights = GraphWeights.Read(file);
        using PatchedGraph patched = new AdapterSet([new LoraUse(one, 0.7)], []).Patch("unet", weights);
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.Combine("merged.onnx"), bytes);
        using OnnxGraph ours = OnnxGraph.Load(patched, OneThread), theirs = OnnxGraph.Load(
            folder.Combine("merged.onnx"), OneThread), plain = OnnxGraph.Load(file, OneThread);
        int[] expected = UnetBits(theirs);
        Assert.Equal(expected, UnetBits(ours));
        Assert.NotEqual(expected, UnetBits(plain));
    }

    [Fact]
    public void A_merged_model_gives_the_same_bits_with_inline_and_with_external_weights()
    {
        string file = GoldenData.Model("tiny-sd15").Require("unet").File;
        using var folder = new TemporaryFolder();
        string external = ExternalModel.Save(file, folder.Combine("external"), maximumBytes: 100_000);
        Assert.True(Directory.GetFiles(folder.Combine("external")).Length > 2, "several files of data");
        var set = new AdapterSet(
            [new LoraUse(GoldenData.Lora("sd15-locon.safetensors"), 0.7), new LoraUse(GoldenData.Lora("sd15-peft.safetensors"), 0.5)], []);
        GraphWeights inlineWeights = GraphWeights.Read(file), externalWeights = GraphWeights.Read(external);
        Assert.Equal(inlineWeights.Modules.Values, externalWeights.Modules.Values);
        int[] expected = Bits(set.Patch("unet", inlineWeights));
        Assert.Equal(expected, Bits(set.Patch("unet", externalWeights)));
        PatchedGraph spilled = set.Patch("unet", externalWeights, inlineLimit: 0);
        Assert.True(spilled.Bytes.Length < 500_000, "no weights are in the bytes");
        Assert.Equal(expected, Bits(spilled));
        // An inline weight is written to a file if others must be.
        Assert.Equal(expected, Bits(set.Patch("unet", inlineWeights, inlineLimit: -1_000_000)));

        static int[] Bits(PatchedGraph patched)
        {
            OnnxGraph graph;
            using (patched)
            {
                graph = OnnxGraph.Load(patched, OneThread);
            }
            using (graph)
            {
                return UnetBits(graph);
            }
        }
    }

    [Fact]
    public void A_spilled_patch_leaves_no_file_behind()
    {
        using var folder = new TemporaryFolder();
        string file = ExternalModel.Save(GoldenData.Model("tiny-sd15").Require("text_encoder").File, folder.Combine("external"), 1 << 20);
        var set = new AdapterSet([new LoraUse(GoldenData.Lora("sd15-te-peft-bf16.safetensors"), 1)], []);
        PatchedGraph patched = set.Patch("text_encoder", GraphWeights.Read(file), 0);
        string temporary = Assert.Single(
            Directory.GetDirectories(Path.GetTempPath(), "brownian-adapters-*"), candidate =>
                Encoding.UTF8.GetString(patched.Bytes).Contains(Path.GetFileName(candidate), StringComparison.Ordinal));
        patched.Dispose();
        Assert.False(Directory.Exists(temporary));
    }

    [Fact]
    public void Damaged_external_data_is_refused()
    {
        using var folder = new TemporaryFolder();
        string file = ExternalModel.Save(GoldenData.Model("tiny-sd15").Require("text_encoder").File, folder.Combine("external"), 1 << 30);
        var set = new AdapterSet([new LoraUse(GoldenData.Lora("sd15-te-peft-bf16.safetensors"), 1)], []);
        string data = Assert.Single(Directory.GetFiles(folder.Combine("external"), "*.bin"));
        using (FileStream stream = File.OpenWrite(data))
        {
            stream.SetLength(1000);
        }
        Assert.Contains(
            "in " + data, Assert.Throws<ModelException>(() => set.Patch("text_encoder", GraphWeights.Read(file))).Message, StringComparison.Ordinal);
        File.Delete(data);
        Assert.Contains(
            "does not exist", Assert.Throws<ModelException>(() => set.Patch("text_encoder", GraphWeights.Read(file))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_changed_since_it_was_read_is_refused()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Combine("model.onnx");
        File.Copy(GoldenData.Model("tiny-sd15").Require("text_encoder").File, file);
        GraphWeights weights = GraphWeights.Read(file);
        File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch);
        var set = new AdapterSet([new LoraUse(GoldenData.Lora("sd15-te-peft-bf16.safetensors"), 1)], []);
        Assert.Contains(
            "changed while it was in use", Assert.Throws<ModelException>(() => set.Patch("text_encoder", weights)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_merge_on_several_threads_is_the_same_every_time()
    {
        // Large enough that all processors take part.
        Gen.Select(Gen.Int[100, 140], Gen.Int[100, 140], Gen.Int[64, 80], Gen.Float[-1, 1].Array[1000]).Sample((rows, columns, rank, numbers) =>
        {
            float[] up = Repeat(rows * rank, 7), down = Repeat(rank * columns, 11), weight = Repeat(rows * columns, 13);
            float[] whole = [.. weight], transposed = Transposed(weight, rows, columns);
            var delta = new ProductDelta(up, down, rank);
            LoraMerge.Add(whole, false, delta, 0.3f);
            LoraMerge.Add(transposed, true, delta, 0.3f);
            Assert.Equal(Bits(whole), Bits(Transposed(transposed, columns, rows)));
            Assert.Equal(Bits(ByHand(weight, rows, columns, rank, (o, i, r) => up[o * rank + r] * down[r * columns + i], 0.3f)), Bits(whole));

            float[] Repeat(int length, int step) => [.. Enumerable.Range(0, length).Select(i => numbers[i * step % numbers.Length])];
        }, iter: 5, threads: 1);
    }

    [Fact]
    public void LoRA_sets_of_another_order_or_weight_have_another_key()
    {
        LoraFile one = GoldenData.Lora("sd15-peft.safetensors"), other = GoldenData.Lora("sd15-locon.safetensors"),
        text = GoldenData.Lora("sd15-te-peft-bf16.safetensors");
        Gen.Double[-2, 2].Array[3].Sample(weights =>
        {
            var set = new AdapterSet([new(one, weights[0]), new(other, weights[1]), new(text, weights[2])], []);
            var swapped = new AdapterSet([new(other, weights[1]), new(one, weights[0]), new(text, weights[2])], []);
            Assert.Equal(set.Key, new AdapterSet([new(one, weights[0]), new(other, weights[1]), new(text, weights[2])], []).Key);
            Assert.NotEqual(set.Key, swapped.Key);
            if (weights[0] != 0 && weights[1] != 0)
            {
                Assert.NotEqual(set.KeyOf("unet"), swapped.KeyOf("unet"));
            }
            Assert.Equal(set.KeyOf("text_encoder"), swapped.KeyOf("text_encoder"));
            Assert.NotEqual(set.Key, new AdapterSet([new(one, weights[0] + 1), new(other, weights[1]), new(text, weights[2])], []).Key);
        });
        Assert.Throws<ArgumentOutOfRangeException>(() => new AdapterSet([new(one, double.NaN)], []));
    }

    [Fact]
    public void The_middle_kernel_of_a_LoCon_is_multiplied_in()
    {
        LoraFile lora = Lora(new SafetensorsWriter()
            .Floats("lora_unet_conv_in.lora_up.weight", [1, 2], 1, 2, 1, 1)
            .Floats("lora_unet_conv_in.lora_down.weight", [3, 5, 7, 11], 2, 2, 1, 1)
            .Floats("lora_unet_conv_in.lora_mid.weight", [1, 10, 2, 20, 3, 30, 4, 40], 2, 2, 1, 2));
        LoraModule module = lora.Modules.Single();
        Assert.Equal((1, 4, 2), (module.Rows, module.Columns, module.Rank));
        // [a, i, x] = sum over b of mid[a, b, x] down[b, i].
        float[] row = new float[4];
        lora.Delta(module).Row(0, row);
        Assert.Equal([3 + 14 + 2 * (9 + 28), 30 + 140 + 2 * (90 + 280), 5 + 22 + 2 * (15 + 44), 50 + 220 + 2 * (150 + 440)], row);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Weights_stored_as_numbers_merge_like_weights_stored_as_bytes(bool half)
    {
        using var folder = new TemporaryFolder();
        float[] values = [1, -2, 0.5f, 3, 0.25f, -8];
        int type = half ? OnnxStub.Float16 : OnnxStub.Float32;
        OnnxStub Stub() => new OnnxStub().Input("x", type, 1, 2).Named("/mid_block/to_q/MatMul", "MatMul", ["x", "w"], "y").Output("y", type, 1, 3);
        (half ? Stub().HalfWeights("w", values, 2, 3) : Stub().Weights("w", values, 2, 3)).Save(folder.Combine("bytes.onnx"));
        Stub().NumberWeights("w", values, half, 2, 3).Save(folder.Combine("numbers.onnx"));
        LoraFile lora = Lora(
            new SafetensorsWriter().Floats("unet.mid_block.to_q.lora_A.weight", [1, 2], 1, 2)
                .Floats("unet.mid_block.to_q.lora_B.weight", [3, 4, 5], 3, 1));
        var set = new AdapterSet([new LoraUse(lora, 1)], []);
        Assert.Equal(Output("bytes.onnx"), Output("numbers.onnx"));
        // One row of the added matrix is [3, 4, 5], the other twice that.
        Assert.Equal([1 + 3 + 3 + 6, -2 + 4 + 0.25f + 8, 0.5f + 5 - 8 + 10], Output("numbers.onnx"));

        float[] Output(string file)
        {
            using PatchedGraph patched = set.Patch("unet", GraphWeights.Read(folder.Combine(file)));
            using OnnxGraph graph = OnnxGraph.Load(patched, OneThread);
            using var input = new BoundTensor(graph.Inputs[0].Dtype, 1, 2);
            input.Values.Fill(1);
            input.Push();
            return Run(graph, "y", ("x", input)).Values;
        }
    }

    [Fact]
    public void A_merged_value_beyond_the_weights_type_is_refused()
    {
        using var folder = new TemporaryFolder();
        new OnnxStub().Input("x", OnnxStub.Float16, 1, 1).HalfWeights("w", [60000], 1, 1).Named("/mid_block/to_q/MatMul", "MatMul", ["x", "w"], "y")
            .Output("y", OnnxStub.Float16, 1, 1)
            .Save(folder.Combine("model.onnx"));
        LoraFile lora = Lora(
            new SafetensorsWriter().Floats("unet.mid_block.to_q.lora_A.weight", [10000], 1, 1)
                .Floats("unet.mid_block.to_q.lora_B.weight", [1], 1, 1));
        Assert.Contains(
            "values beyond float16",
            Assert.Throws<ModelException>(
                () => new AdapterSet([new LoraUse(lora, 1)], []).Patch("unet", GraphWeights.Read(folder.Combine("model.onnx")))).Message,
            StringComparison.Ordinal);
    }

    private static LoraFile Lora(SafetensorsWriter writer) => LoraFile.Parse(SafetensorsFile.Parse(writer.Bytes(), "some.safetensors"));

    private static float[] ByHand(float[] weight, int rows, int columns, int rank, Func<int, int, int, float> product, float scale)
    {
        float[] merged = new float[weight.Length];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                float delta = 0;
                for (int r = 0; r < rank; r++)
                {
                    delta += product(row, column, r);
                }
                merged[row * columns + column] = weight[row * columns + column] + scale * delta;
            }
        }
        return merged;
    }

    private static float[] Transposed(float[] matrix, int rows, int columns) =>
        [.. Enumerable.Range(0, matrix.Length).Select(i => matrix[i % rows * columns + i / rows])];

    private static int[] UnetBits(OnnxGraph graph)
    {
        using var sample = new BoundTensor(graph.FindInput("sample")!.Dtype, 1, 4, 8, 8);
        using var text = new BoundTensor(graph.FindInput("encoder_hidden_states")!.Dtype, 1, 5, 32);
        GraphTensor time = graph.FindInput("timestep")!;
        using var timestep = new BoundTensor(time.Dtype, time.Rank == 0 ? [] : [1]);
        Wave(sample.Values);
        Wave(text.Values);
        timestep.Values.Fill(500);
        timestep.Push();
        return Bits(Run(graph, graph.Outputs[0].Name, ("sample", sample), ("encoder_hidden_states", text), ("timestep", timestep)).Values);

        static void Wave(Span<float> values)
        {
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = MathF.Sin(i + 1);
            }
        }
    }

    private static Tensor Run(OnnxGraph graph, string output, params (string Name, BoundTensor Tensor)[] inputs)
    {
        using var options = new RunOptions();
        using IDisposableReadOnlyCollection<OrtValue> outputs =
            graph.Session.Run(options, [.. inputs.Select(input => input.Name)], [.. inputs.Select(input => input.Tensor.Value)], [output]);
        return outputs[0].ToTensor();
    }

    private static int[] Bits(float[] values) => [.. values.Select(BitConverter.SingleToInt32Bits)];

    private static void AssertClose(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.InRange(expected.Zip(actual, (one, other) => Math.Abs(one - other)).Max(), 0, 1e-4f);
    }
}
