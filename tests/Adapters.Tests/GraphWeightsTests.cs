using Brownian.Formats.Files;
using Brownian.Formats.Safetensors;
using Brownian.Inference.Tests.Adapters;
using Brownian.Inference.Tests.Models;
using Brownian.Tests.Programs;
using CsCheck;

namespace Brownian.Adapters.Tests;

public sealed class GraphWeightsTests
{
    [Theory]
    [InlineData("tiny-sd15", "unet", "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q", true)]
    [InlineData("tiny-sd15", "unet", "down_blocks.0.attentions.0.proj_in", false)]
    [InlineData("tiny-sd15", "unet", "time_embedding.linear_1", false)]
    [InlineData("tiny-sd15", "text_encoder", "text_model.encoder.layers.0.self_attn.q_proj", true)]
    [InlineData("tiny-sd15", "text_encoder", "encoder.layers.1.mlp.fc2", true)]
    [InlineData("tiny-sd15-legacy", "unet", "mid_block.attentions.0.transformer_blocks.0.attn2.to_k", true)]
    [InlineData("tiny-sdxl", "unet", "add_embedding.linear_2", false)]
    [InlineData("tiny-sdxl", "text_encoder_2", "text_projection", true)]
    public void A_module_is_found_by_its_weights_name_or_by_its_nodes(string model, string part, string module, bool isTransposed)
    {
        GraphWeights weights = GraphWeights.Read(GoldenData.Model(model).Require(part).File);
        ModuleWeight found = weights.Find(module, isFlat: false)!;
        Assert.Equal(isTransposed, found.IsTransposed);
        Assert.Null(found.Obstacle);
        Assert.Equal(found, weights.Find(module.Replace('.', '_'), isFlat: true));
    }

    [Theory]
    // Linear layers on tokens, convolutions and linear layers on vectors: reference/adapters-and-images.md counts 40 and 88 renamed weights.
    [InlineData("tiny-sd15", "unet", 40)]
    [InlineData("tiny-sd15", "text_encoder", 18)]
    [InlineData("tiny-sdxl", "unet", 88)]
    [InlineData("tiny-sdxl", "text_encoder", 18)]
    [InlineData("tiny-sdxl", "text_encoder_2", 19)]
    [InlineData("tiny-sd15-legacy", "unet", 40)]
    public void Every_renamed_weight_has_a_module(string model, string part, int renamed)
    {
        GraphWeights weights = GraphWeights.Read(GoldenData.Model(model).Require(part).File);
        Assert.Equal(renamed, weights.Modules.Values.Count(module => module.IsTransposed));
        Assert.All(weights.Modules.Values, module => Assert.Null(module.Obstacle));
    }

    [Fact]
    public void The_widths_of_a_model_are_read_from_its_token_table_and_cross_attention()
    {
        Dictionary<string, GraphWeights> weights = GoldenData.Weights("tiny-sd15");
        Assert.Equal((4003, 32), weights["text_encoder"].TokenEmbeddings);
        Assert.Null(weights["unet"].TokenEmbeddings);
        Assert.Equal(32, weights["unet"].Signature.CrossAttentionWidth);
    }

    [Fact]
    public void A_wrappers_prefix_is_removed_from_module_names()
    {
        GraphWeights weights = Read(new OnnxStub()
            .Weights("m.unet.conv_in.weight", new float[6], 2, 3, 1, 1)
            .Weights("onnx::MatMul_9", new float[6], 3, 2)
            .Named("/m/unet/conv_in/Conv", "Conv", ["a", "m.unet.conv_in.weight"], "b")
            .Named("/m/unet/mid_block/to_q/MatMul", "MatMul", ["c", "onnx::MatMul_9"], "d"));
        Assert.Equal(["conv_in", "mid_block.to_q"], weights.Modules.Keys.Order(StringComparer.Ordinal));
        Assert.Equal((2, 3), (weights.Modules["mid_block.to_q"].Rows, weights.Modules["mid_block.to_q"].Columns));
    }

    [Fact]
    public void A_module_is_named_by_the_newer_exporters_scopes()
    {
        GraphWeights weights = Read(new OnnxStub()
            .Weights("val_3", new float[6], 3, 2)
            .Named("node_linear_3", "MatMul", ["a", "val_3"], "b", "['', 'down_blocks.0', 'down_blocks.0.attentions.0.to_out.0', 'linear_3']"));
        Assert.Equal(new ModuleWeight("down_blocks.0.attentions.0.to_out.0", "val_3", 2, 3, true, null, 3, null), weights.Modules.Values.Single());
    }

    [Fact]
    public void An_unfolded_weight_is_found_through_its_transposition_and_its_cast()
    {
        GraphWeights weights = Read(new OnnxStub()
            .HalfWeights("mid_block.to_q.weight", new float[6], 2, 3)
            .Node("Cast", ["mid_block.to_q.weight"], "wide", ("to", 1))
            .Node("Transpose", ["wide"], "turned", ("perm", (int[])[1, 0]))
            .Node("MatMul", ["a", "turned"], "b")
            .Weights("time_embedding.linear_1.weight", new float[6], 2, 3)
            .Node("Gemm", ["a", "time_embedding.linear_1.weight"], "c", ("transB", 1))
            .Weights("time_embedding.linear_2.weight", new float[6], 2, 3)
            .Node("Gemm", ["a", "time_embedding.linear_2.weight"], "d"));
        Assert.Equal(
            [(2, 3, false), (2, 3, false), (3, 2, true)],
            weights.Modules.Values.OrderBy(module => module.Module, StringComparer.Ordinal)
                .Select(module => ((int)module.Rows, (int)module.Columns, module.IsTransposed)));
    }

    [Fact]
    public void A_weight_shared_by_two_modules_cannot_be_changed_and_the_error_has_the_reason()
    {
        using var folder = new TemporaryFolder();
        GraphWeights weights = Read(new OnnxStub()
            .Weights("shared", new float[4], 2, 2)
            .Named("/mid_block/to_q/MatMul", "MatMul", ["a", "shared"], "b")
            .Named("/mid_block/to_k/MatMul", "MatMul", ["a", "shared"], "c")
            .Weights("twice", new float[4], 2, 2)
            .Named("/mid_block/to_v/MatMul", "MatMul", ["a", "twice"], "d")
            .Named("/mid_block/to_v/MatMul", "MatMul", ["c", "twice"], "e")
            .Weights("out", new float[4], 2, 2)
            .Named("/mid_block/to_out/MatMul", "MatMul", ["a", "out"], "f")
            .Output("out", OnnxStub.Float32, 2, 2));
        Assert.All(
            (string[])["mid_block.to_q", "mid_block.to_k", "mid_block.to_out"], name =>
                Assert.Contains("shares its weight", weights.Modules[name].Obstacle, StringComparison.Ordinal));
        Assert.Null(weights.Modules["mid_block.to_v"].Obstacle);
        LoraFile lora = LoraFile.Parse(SafetensorsFile.Parse(
            new SafetensorsWriter().Floats("unet.mid_block.to_q.lora_A.weight", [1, 2], 1, 2)
                .Floats("unet.mid_block.to_q.lora_B.weight", [1, 2], 2, 1).Bytes(),
            "some.safetensors"));
        Assert.Contains(
            "mid_block.to_q shares its weight shared",
            Assert.Throws<ModelException>(
                () =>
                    new AdapterSet([new LoraUse(lora, 1)], [])
                        .Check(new Dictionary<string, GraphSignature> { ["unet"] = weights.Signature })).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_weight_of_another_type_cannot_be_changed() => Assert.Contains(
        "element type 7",
        Read(new OnnxStub().Whole("w", [1, 2, 3, 4], 2, 2).Named("/mid_block/to_q/MatMul", "MatMul", ["a", "w"], "b")).Modules["mid_block.to_q"]
            .Obstacle,
        StringComparison.Ordinal);

    [Fact]
    public void A_damaged_model_file_is_read_or_refused_without_another_error()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Combine("model.onnx");
        new OnnxStub().Weights("w", [1, 2, 3, 4], 2, 2).Named("/mid_block/to_q/MatMul", "MatMul", ["a", "w"], "b").Input("a", OnnxStub.Float32, 1, 2)
            .Output("b", OnnxStub.Float32, 1, 2).Save(file);
        byte[] good = File.ReadAllBytes(file);
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte, Gen.Int[1, good.Length]).Sample((place, value, length) =>
        {
            byte[] bytes = good[..length];
            bytes[Math.Min(place, length - 1)] = value;
            File.WriteAllBytes(file, bytes);
            try
            {
                Assert.InRange(GraphWeights.Read(file).Modules.Count, 0, 1);
            }
            catch (ModelException exception)
            {
                Assert.StartsWith(file, exception.Message, StringComparison.Ordinal);
            }
        }, iter: 2000, threads: 1);
    }

    private static GraphWeights Read(OnnxStub stub)
    {
        using var folder = new TemporaryFolder();
        stub.Save(folder.Combine("model.onnx"));
        return GraphWeights.Read(folder.Combine("model.onnx"));
    }
}
