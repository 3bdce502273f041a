using System.Globalization;
using System.Runtime.InteropServices;
using Brownian.Formats.Files;
using Brownian.Formats.Onnx;
using Brownian.Formats.Safetensors;
using Brownian.Inference.Tests.Adapters;
using Brownian.Inference.Tests.Models;
using Brownian.Tests.Programs;
using CsCheck;

namespace Brownian.Adapters.Tests;

/// <summary>Adapters of every kind, merged into graphs of every form.</summary>
public sealed class AdapterKindsTests
{
    private const string Linear = "mid_block.attentions.0.proj_in", LinearFlat = "lora_unet_mid_block_attentions_0_proj_in";
    private const string Conv = "conv_in", ConvFlat = "lora_unet_conv_in";

    /// <summary>How a graph holds a linear layer: as exported, or as imported with ONNX Runtime's and with ONNX's operators.</summary>
    private static readonly string[] Forms = ["MatMul", "FusedMatMul", "Gemm"];

    public static TheoryData<string> Kinds => [.. MadeUpAdapter.Kinds];

    /// <summary>The prefixes of a module in the wild, and its name as they have it.</summary>
    public static TheoryData<string> Stems =>
    [
        "lora_unet_conv_in", "lora_unet_input_blocks_0_0", "lycoris_conv_in", "unet.conv_in", "base_model.model.unet.conv_in", "conv_in",
    ];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_merged_weight_is_that_of_the_definition_in_every_form_of_graph(string kind) => Draws.Sample(draw =>
    {
        int o = draw.Outputs.Item1 * draw.Outputs.Item2, i = draw.Inputs.Item1 * draw.Inputs.Item2, k = Math.Max(1, draw.Kernel * draw.Kernel);
        bool isDora = kind != "full" && draw.Axis != "none";
        // The direction of a vector near zero depends on rounding, so the numbers of a DoRA are whole.
        var adapter = new MadeUpAdapter(new SafetensorsWriter(), isDora ? Whole(draw.Numbers) : Pool(draw.Numbers, 16), draw.Dtype);
        string stem = draw.Kernel == 0 ? LinearFlat : ConvFlat;
        double[] delta = adapter.Write(stem, kind, draw.Outputs, draw.Inputs, draw.Kernel, draw.Rank, draw.Alpha);
        float[] weight = adapter.Values(o * i * k), magnitude = [];
        if (isDora)
        {
            int[] ones = draw.Kernel == 0 ? [] : [1, 1];
            magnitude = adapter.Values(draw.Axis == "inputs" ? i : o);
            _ = draw.Axis switch
            {
                "inputs" => adapter.Tensor($"{stem}.dora_scale", magnitude, [1, i, .. ones]),
                "outputs" => adapter.Tensor($"{stem}.dora_scale", magnitude, [o, 1, .. ones]),
                _ => adapter.Tensor($"{stem}.lora_magnitude_vector", magnitude, draw.Kernel == 0 ? [o] : [1, o, 1, 1]),
            };
        }
        LoraFile file = Parse(adapter.Writer);

        float[][] merged = draw.Kernel == 0
            ? [.. Forms.Select(form => Merge(form, weight, o, i, [(file, draw.Strength)]).Weight)]
            : [Merge("Conv", weight, o, i, [(file, draw.Strength)], draw.Kernel).Weight];

        double[] expected = isDora
            ? Decomposed(weight, delta, magnitude, draw.Axis, i, k, draw.Strength)
            : [.. weight.Zip(delta, (old, added) => old + draw.Strength * added)];
        Assert.All(merged, values => AssertClose(expected, values));
        // The form of the graph changes no bit.
        Assert.All(merged, values => Assert.Equal(Bits(merged[0]), Bits(values)));
    }, iter: 60, threads: 1);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_file_of_any_kind_equals_the_full_difference_bit_for_bit(string kind) => Draws.Sample(draw =>
    {
        int o = draw.Outputs.Item1 * draw.Outputs.Item2, i = draw.Inputs.Item1 * draw.Inputs.Item2, k = Math.Max(1, draw.Kernel * draw.Kernel);
        // All sums of products of few small whole numbers are exact in float32.
        var adapter = new MadeUpAdapter(new SafetensorsWriter(), Whole(draw.Numbers), draw.Dtype);
        string stem = draw.Kernel == 0 ? LinearFlat : ConvFlat, form = draw.Kernel == 0 ? "MatMul" : "Conv";
        double[] delta = adapter.Write(stem, kind, draw.Outputs, draw.Inputs, draw.Kernel, draw.Rank, null);
        float[] weight = adapter.Values(o * i * k);
        LoraFile full = Parse(new SafetensorsWriter().Floats(
            $"{stem}.diff", Array.ConvertAll(delta, value => (float)value), draw.Kernel == 0 ? [o, i] : [o, i, draw.Kernel, draw.Kernel]));
        Assert.Equal(
            Bits(Merge(form, weight, o, i, [(full, draw.Strength)], draw.Kernel).Weight),
            Bits(Merge(form, weight, o, i, [(Parse(adapter.Writer), draw.Strength)], draw.Kernel).Weight));
    }, iter: 40, threads: 1);

    [Fact]
    public void Several_adapters_are_applied_in_order_each_to_the_weights_that_the_last_one_left() => Draws.Sample(draw =>
    {
        int o = draw.Outputs.Item1 * draw.Outputs.Item2, i = draw.Inputs.Item1 * draw.Inputs.Item2;
        Func<float> next = Whole(draw.Numbers);
        var decomposed = new MadeUpAdapter(new SafetensorsWriter(), next);
        var plain = new MadeUpAdapter(new SafetensorsWriter(), next);
        double[] first = decomposed.Write(LinearFlat, "lora", draw.Outputs, draw.Inputs, 0, draw.Rank, 1);
        double[] second = plain.Write(LinearFlat, "lokr-full", draw.Outputs, draw.Inputs, 0, draw.Rank, null);
        float[] magnitude = decomposed.Tensor($"{LinearFlat}.dora_scale", decomposed.Values(o), o, 1), weight = decomposed.Values(o * i);
        LoraFile one = Parse(decomposed.Writer), other = Parse(plain.Writer);

        double[] after = Decomposed(weight, first, magnitude, "outputs", i, 1, draw.Strength);
        AssertClose(
            [.. after.Zip(second, (old, added) => old - 2 * added)],
            Merge("MatMul", weight, o, i, [(one, draw.Strength), (other, -2)]).Weight);
        float[] before = [.. weight.Zip(second, (old, added) => (float)(old - 2 * added))];
        AssertClose(
            Decomposed(before, first, magnitude, "outputs", i, 1, draw.Strength),
            Merge("MatMul", weight, o, i, [(other, -2), (one, draw.Strength)]).Weight);
    }, iter: 60, threads: 1);

    [Fact]
    public void A_LoHa_is_the_elementwise_product_times_alpha_by_rank()
    {
        LoraFile file = Parse(new SafetensorsWriter()
            .Floats($"{LinearFlat}.hada_w1_a", [1, 2], 2, 1).Floats($"{LinearFlat}.hada_w1_b", [3, 4], 1, 2)
            .Floats($"{LinearFlat}.hada_w2_a", [5, 6], 2, 1).Floats($"{LinearFlat}.hada_w2_b", [7, 8], 1, 2)
            .Floats($"{LinearFlat}.alpha", [2]));
        // ([3, 4], [6, 8]) times ([35, 40], [42, 48]), times 2.
        Assert.Equal([210 + 1, 320, 504, 768 + 1], Merge("MatMul", [1, 0, 0, 1], 2, 2, [(file, 1)]).Weight);
    }

    [Theory]
    [InlineData("lokr_w2", 1)]
    [InlineData("lokr_w2_a", 50)]
    public void A_LoKr_of_two_whole_matrices_ignores_alpha(string second, float scale)
    {
        SafetensorsWriter writer = new SafetensorsWriter().Floats($"{LinearFlat}.lokr_w1", [1, 2], 1, 2).Floats($"{LinearFlat}.alpha", [100]);
        LoraFile file = Parse(second == "lokr_w2"
            ? writer.Floats($"{LinearFlat}.lokr_w2", [3, 4], 2, 1)
            // [3, 4] is a product of rank 2.
            : writer.Floats($"{LinearFlat}.lokr_w2_a", [1, 2, 2, 2], 2, 2).Floats($"{LinearFlat}.lokr_w2_b", [1, 1], 2, 1));
        Assert.Equal([3 * scale, 6 * scale, 4 * scale, 8 * scale], Merge("Gemm", new float[4], 2, 2, [(file, 1)]).Weight);
    }

    [Fact]
    public void A_LoKr_of_a_convolution_keeps_the_kernel_of_its_second_matrix()
    {
        LoraFile file = Parse(new SafetensorsWriter()
            .Floats($"{ConvFlat}.lokr_w1", [1, 10], 1, 2).Floats($"{ConvFlat}.lokr_w2", [1, 2, 3, 4, 5, 6, 7, 8, 9], 1, 1, 3, 3));
        Assert.Equal(
            [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30, 40, 50, 60, 70, 80, 90], Merge("Conv", new float[18], 1, 2, [(file, 1)], 3).Weight);
    }

    [Theory]
    [InlineData("dora_scale", new[] { 2, 1 }, 1, new float[] { 6, 8, 0, 2 })]
    [InlineData("dora_scale", new[] { 2, 1 }, 0.5, new float[] { 4.5f, 4, 0, 3 })]
    [InlineData("dora_scale", new[] { 2, 1 }, -1, new float[] { 0, -8, 0, 6 })]
    [InlineData("dora_scale", new[] { 1, 2 }, 1, new float[] { 10, 1.41421356f, 0, 1.41421356f })]
    [InlineData("lora_magnitude_vector", new[] { 2 }, 1, new float[] { 6, 8, 0, 2 })]
    public void A_DoRA_gives_the_rows_or_columns_of_the_sum_its_lengths(string name, int[] shape, double strength, float[] expected)
    {
        LoraFile file = Parse(new SafetensorsWriter()
            .Floats($"{LinearFlat}.lora_up.weight", [1, 0], 2, 1).Floats($"{LinearFlat}.lora_down.weight", [0, 4], 1, 2)
            .Floats($"{LinearFlat}.{name}", [10, 2], shape));
        // The sum is ([3, 4], [0, 4]): its rows have the lengths 5 and 4, its columns 3 and the root of 32.
        Assert.All(
            Forms, form => AssertClose([.. expected.Select(value => (double)value)], Merge(form, [3, 0, 0, 4], 2, 2, [(file, strength)]).Weight));
    }

    [Fact]
    public void A_DoRA_of_a_weight_of_zeros_gives_zeros()
    {
        LoraFile file = Parse(new SafetensorsWriter()
            .Floats("unet.conv_in.lora_A.weight", [0], 1, 1, 1, 1).Floats("unet.conv_in.lora_B.weight", [0], 1, 1, 1, 1)
            .Floats("unet.conv_in.lora_magnitude_vector.weight", [3], 1, 1, 1, 1));
        Assert.Equal([0], Merge("Conv", [0], 1, 1, [(file, 1)], 1).Weight);
    }

    [Theory]
    [InlineData("MatMul")]
    [InlineData("FusedMatMul")]
    [InlineData("Gemm")]
    [InlineData("Conv")]
    public void A_difference_of_a_bias_is_added_in_every_form_of_graph(string form)
    {
        bool isConv = form == "Conv";
        string flat = isConv ? ConvFlat : LinearFlat, dotted = "unet." + (isConv ? Conv : Linear);
        int[] shape = isConv ? [2, 1, 1, 1] : [2, 1], down = isConv ? [1, 1, 1, 1] : [1, 1];
        LoraFile full = Parse(new SafetensorsWriter().Floats($"{flat}.diff", [1, 2], shape).Floats($"{flat}.diff_b", [10, 20], 2));
        LoraFile only = Parse(new SafetensorsWriter().Floats($"{flat}.diff_b", [100, 200], 2));
        // PEFT's lora_bias has the scale of the matrices: alpha 3 by rank 1.
        LoraFile peft = Parse(new SafetensorsWriter()
            .Floats($"{dotted}.lora_A.weight", [1], down).Floats($"{dotted}.lora_B.weight", [0, 0], shape)
            .Floats($"{dotted}.lora_B.bias", [1000, 2000], 2)
            .Metadata("lora_adapter_metadata", """{"unet.lora_alpha": 3, "unet.lora_bias": true}"""));
        (float[] weight, float[] bias) = Merge(form, [5, 6], 2, 1, [(full, -2), (only, 0.5), (peft, 1)], isConv ? 1 : 0);
        Assert.Equal([3, 2], weight);
        Assert.Equal([1 - 20 + 50 + 3000, 2 - 40 + 100 + 6000], bias);
    }

    [Fact]
    public void A_difference_of_a_bias_that_the_model_does_not_have_is_refused()
    {
        LoraFile file = Parse(new SafetensorsWriter().Floats($"{LinearFlat}.diff_b", [1, 2], 2));
        GraphWeights weights = Read(new OnnxStub().Input("x", OnnxStub.Float32, 1, 2).Weights("w", new float[4], 2, 2)
            .Named("/" + Linear.Replace('.', '/') + "/MatMul", "MatMul", ["x", "w"], "y").Output("y", OnnxStub.Float32, 1, 2));
        string message = Assert.Throws<ModelException>(() => Check(file, weights)).Message;
        Assert.Contains("has no bias of its own, and the file changes it", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bias_that_two_modules_share_is_not_changed()
    {
        GraphWeights weights = Read(new OnnxStub().Input("x", OnnxStub.Float32, 1, 2)
            .Weights("conv_in.weight", new float[4], 2, 2).Weights("conv_out.weight", new float[4], 2, 2).Weights("both", new float[2], 2)
            .Node("Gemm", ["x", "conv_in.weight", "both"], "y").Node("Gemm", ["y", "conv_out.weight", "both"], "z")
            .Output("z", OnnxStub.Float32, 1, 2));
        Assert.All(weights.Modules.Values, module => Assert.Null(module.Bias));
    }

    [Theory]
    [MemberData(nameof(Stems))]
    public void Every_kind_is_read_with_every_style_of_names(string stem)
    {
        Dictionary<string, GraphWeights> model = GoldenData.Weights("tiny-sd15");
        ModuleWeight conv = model["unet"].Modules["conv_in"];
        (int, int) outputs = (4, (int)conv.Rows / 4), inputs = (2, (int)conv.Inputs / 2);
        Func<float> next = Pool([.. Enumerable.Range(-20, 41)], 64);
        foreach (string kind in MadeUpAdapter.Kinds)
        {
            var adapter = new MadeUpAdapter(new SafetensorsWriter(), next, "F16");
            adapter.Write(stem, kind, outputs, inputs, 3, 2, 4);
            if (kind != "full")
            {
                adapter.Tensor($"{stem}.dora_scale", adapter.Values((int)conv.Rows), (int)conv.Rows, 1, 1, 1);
            }
            LoraFile file = Parse(adapter.Writer);
            Check(file, model["unet"]);
            using PatchedGraph patched = new AdapterSet([new LoraUse(file, 1)], []).Patch("unet", model["unet"]);
            Assert.NotEqual(File.ReadAllBytes(model["unet"].FilePath), patched.Bytes);
        }
    }

    [Theory]
    [InlineData("unet.conv_in.lora_magnitude_vector")]
    [InlineData("unet.conv_in.lora_magnitude_vector.weight")]
    [InlineData("unet.conv_in.lora_magnitude_vector.default")]
    [InlineData("base_model.model.unet.conv_in.lora_magnitude_vector.default.weight")]
    public void Every_name_of_PEFTs_magnitudes_is_read(string name)
    {
        LoraFile file = Parse(new SafetensorsWriter()
            .Floats("unet.conv_in.lora_A.weight", [1, 2], 1, 2).Floats("unet.conv_in.lora_B.weight", [3, 4, 5], 3, 1)
            .Floats(name, [6, 7, 8], 3).Metadata("lora_adapter_metadata", """{"unet.use_dora": true}"""));
        Assert.NotNull(Assert.Single(file.Modules).Magnitude);
    }

    [Fact]
    public void All_faults_of_a_file_are_reported_together_with_names_shapes_and_what_is_expected()
    {
        string message = Refused(new SafetensorsWriter()
            .Floats("lora_unet_a.hada_w1_a", new float[4], 2, 2).Floats("lora_unet_a.hada_w1_b", new float[6], 2, 3)
            .Floats("lora_unet_a.hada_w2_a", new float[6], 2, 3).Floats("lora_unet_a.hada_w2_b", new float[6], 3, 2)
            .Floats("lora_unet_b.hada_w1_a", new float[4], 2, 2).Floats("lora_unet_b.hada_t1", new float[4], 2, 2, 1, 1)
            .Floats("lora_unet_c.lokr_w1", new float[4], 2, 2).Floats("lora_unet_c.lokr_w2_a", new float[4], 2, 2)
            .Floats("lora_unet_d.diff", new float[8], 2, 2, 2)
            .Floats("lora_unet_e.diff", [float.NaN], 1, 1)
            .Floats("lora_unet_f.diff", new float[4], 2, 2).Floats("lora_unet_f.diff_b", new float[3], 3));
        Assert.Contains("a has \"lora_unet_a.hada_w2_b\" [3, 2]; expected: [2, inputs]", message, StringComparison.Ordinal);
        Assert.Contains("b has only lora_unet_b.hada_w1_a, lora_unet_b.hada_t1; missing for LoHa: hada_w1_b, hada_w2_a, hada_w2_b, hada_t2", message,
            StringComparison.Ordinal);
        Assert.Contains("missing for LoKr: lokr_w2_b, or lokr_w2 instead", message, StringComparison.Ordinal);
        Assert.Contains("d has \"lora_unet_d.diff\" [2, 2, 2]; expected: [outputs, inputs]", message, StringComparison.Ordinal);
        Assert.Contains("the tensor \"lora_unet_e.diff\" has the value NaN", message, StringComparison.Ordinal);
        Assert.Contains("f has \"lora_unet_f.diff_b\" [3]; expected: [2]", message, StringComparison.Ordinal);
    }

    /// <summary>Files with tensors that contradict each other: shapes by names, and what the message says.</summary>
    public static TheoryData<string, string> Contradictions => new()
    {
        { "hada_w1_a 3 2; hada_w1_b 2 4; hada_w2_a 2 2; hada_w2_b 2 4", "w1 of 4 values to 3 and w2 of 4 to 2" },
        { "hada_w1_a 3 2; hada_w1_b 2 4; hada_w2_a 3 2; hada_w2_b 2 4; hada_t1 2 2 3 3", "missing for LoHa: hada_t2" },
        { "hada_w1_a 2 3; hada_w1_b 2 4; hada_w2_a 2 3; hada_w2_b 2 4; hada_t1 2 3 3 3; hada_t2 2 2 3 3",
            "hada_t1\" [2, 3, 3, 3]; expected: [2, 2, height, width]" },
        { "lokr_w1 2 2; lokr_w1_a 2 1; lokr_w1_b 1 2; lokr_w2 2 2", "allowed: the matrix or its factors" },
        { "lokr_w1_a 2 1; lokr_w1_b 1 2; lokr_w2_a 2 2; lokr_w2_b 2 2", "lokr_w2_b\" [2, 2]; expected: [1, inputs]" },
        { "lokr_w1 2 2 1 1; lokr_w2 2 2", "lokr_w1\" [2, 2, 1, 1]; expected: [outputs, inputs]" },
        { "lokr_w1 2 2; lokr_w2 2 2; diff 4 4", "several kinds" },
        { "diff 2 2; dora_scale 2 1", "no matrices of LoRA, LoHa or LoKr" },
        { "lora_up.weight 2 1; lora_down.weight 1 4; dora_scale 3 1", "dora_scale\" [3, 1]; expected: [2, 1, ...] or [1, inputs, ...] of 4 columns" },
        { "lora_up.weight 2 1; lora_down.weight 1 4; dora_scale 1 3", "dora_scale\" [1, 3]; expected" },
        { "lora_up.weight 2 1; lora_down.weight 1 4; lora_magnitude_vector 4", "lora_magnitude_vector\" [4]; expected: 2 values" },
        { "lora_up.weight 2 1; lora_down.weight 1 4; lora_magnitude_vector 2; dora_scale 2 1", "allowed: one of them" },
        { "lora_up.weight 2 1; lora_down.weight 1 4; dora_scale 2 1; lora_up.bias 2", "only a LoRA without DoRA can have it" },
        { "lora_up.weight 2 1; lora_down.weight 1 4; diff_b 2; lora_up.bias 2", "allowed: one of them" },
        { "lora_up.weight 2 2; lora_down.weight 2 4 3 3; lora_mid.weight 2 2 3 3", "down [2, 4, 3, 3]; allowed with mid: down [rank, inputs, 1, 1]" },
        { "lora_up.weight 2 2; lora_down.weight 2 4; lora_mid.weight 2 1 3 3", "lora_mid.weight\" [2, 1, 3, 3]; expected: [2, 2, height, width]" },
        { "alpha; diff_b 0", "diff_b\" [0]; expected: [outputs]" },
        { "alpha; dora_scale 2 1", "tensors that make a difference of a weight are needed" },
    };

    [Theory]
    [MemberData(nameof(Contradictions))]
    public void Tensors_that_do_not_fit_each_other_are_refused(string tensors, string says)
    {
        var writer = new SafetensorsWriter();
        foreach (string[] words in tensors.Split("; ").Select(tensor => tensor.Split(' ')))
        {
            int[] shape = [.. words[1..].Select(word => int.Parse(word, CultureInfo.InvariantCulture))];
            writer.Floats($"lora_unet_x.{words[0]}", new float[shape.Aggregate(1, (all, side) => all * side)], shape);
        }
        Assert.Contains(says, Refused(writer), StringComparison.Ordinal);
    }

    [Fact]
    public void Lengths_of_other_inputs_than_those_of_the_convolution_are_refused()
    {
        // 12 columns could be 3 inputs with a kernel of 4, and are 12 inputs.
        LoraFile file = Parse(new SafetensorsWriter()
            .Floats($"{LinearFlat}.lora_up.weight", [1, 2], 2, 1).Floats($"{LinearFlat}.lora_down.weight", new float[12], 1, 12)
            .Floats($"{LinearFlat}.dora_scale", [1, 2, 3], 1, 3));
        string message = Assert.Throws<ModelException>(() => Merge("Gemm", new float[24], 2, 12, [(file, 1)])).Message;
        Assert.Contains("a dora_scale of 3 inputs, the model's module has 12", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_of_metadata_with_DoRA_and_without_its_lengths_is_refused() => Assert.Contains(
        "has no lora_magnitude_vector",
        Refused(new SafetensorsWriter().Floats("unet.conv_in.lora_A.weight", [1], 1, 1).Floats("unet.conv_in.lora_B.weight", [1], 1, 1)
            .Metadata("lora_adapter_metadata", """{"unet.use_dora": true}""")),
        StringComparison.Ordinal);

    /// <summary>Sizes, a strength, an element type, an axis of DoRA and the numbers of the tensors.</summary>
    private static Gen<Draw> Draws { get; } =
        from sizes in Gen.Int[1, 3].Array[4]
        from rank in Gen.Int[1, 3]
        from kernel in Gen.Int[0, 2].Select(pick => ((int[])[0, 1, 3])[pick])
        from alpha in Gen.Int[0, 3].Select(pick => ((float?[])[null, 1, 2, 0.5f])[pick])
        from strength in Gen.OneOf(Gen.Const(1.0), Gen.Int[-40, 40].Select(quarters => quarters / 4.0))
        from dtype in Gen.Int[0, 2].Select(pick => ((string[])["F32", "F16", "BF16"])[pick])
        from axis in Gen.Int[0, 3].Select(pick => ((string[])["none", "inputs", "outputs", "magnitudes"])[pick])
        from numbers in Gen.Int[-48, 48].Array[211]
        select new Draw((sizes[0], sizes[1]), (sizes[2], sizes[3]), rank, kernel, alpha, strength, dtype, axis, numbers);

    /// <summary>V = W + difference; W + strength * (magnitude / |V| * V - W), by the indices.</summary>
    private static double[] Decomposed(float[] weight, double[] delta, float[] magnitude, string axis, int i, int k, double strength)
    {
        double[] sum = [.. weight.Zip(delta, (old, added) => old + added)], squares = new double[magnitude.Length];
        for (int at = 0; at < sum.Length; at++)
        {
            squares[Channel(at)] += sum[at] * sum[at];
        }
        double[] factors = [.. squares.Select((square, at) => square == 0 ? 0 : magnitude[at] / Math.Sqrt(square))];
        return [.. sum.Select((value, at) => weight[at] + strength * (factors[Channel(at)] * value - weight[at]))];

        int Channel(int at) => axis == "inputs" ? at / k % i : at / (i * k);
    }

    /// <summary>
    /// Merges files into a graph of one module with the bias [1, 2, ...], and returns its weight and bias, in the module's orientation.
    /// </summary>
    private static (float[] Weight, float[] Bias) Merge(
        string form, float[] weight, int rows, int columns, (LoraFile File, double Strength)[] files, int kernel = 0)
    {
        float[] bias = [.. Enumerable.Range(1, rows).Select(value => (float)value)];
        var stub = new OnnxStub();
        string name = form == "MatMul" ? "onnx::MatMul_1" : form == "Conv" ? Conv + ".weight" : Linear + ".weight";
        string node = "/" + Linear.Replace('.', '/');
        stub = form switch
        {
            "MatMul" => stub.Weights(name, Transposed(weight, rows), columns, rows).Weights(Linear + ".bias", bias, rows)
                .Named(node + "/MatMul", "MatMul", ["x", name], "p").Named(node + "/Add", "Add", [Linear + ".bias", "p"], "y"),
            "FusedMatMul" => stub.Weights(name, weight, rows, columns).Weights(Linear + ".bias", bias, rows)
                .Node("com.microsoft", "FusedMatMul", ["x", name], "p", ("transB", 1)).Node("Add", ["p", Linear + ".bias"], "y"),
            "Gemm" => stub.Weights(name, weight, rows, columns).Weights(Linear + ".bias", bias, rows)
                .Node("Gemm", ["x", name, Linear + ".bias"], "y", ("transB", 1)),
            _ => stub.Weights(name, weight, rows, columns, kernel, kernel).Weights(Conv + ".bias", bias, rows)
                .Node("Conv", ["x", name, Conv + ".bias"], "y"),
        };
        using var folder = new TemporaryFolder();
        stub.Input("x", OnnxStub.Float32).Output("y", OnnxStub.Float32).Save(folder.Combine("model.onnx"));
        var graph = GraphWeights.Read(folder.Combine("model.onnx"));
        var set = new AdapterSet([.. files.Select(file => new LoraUse(file.File, file.Strength))], []);
        set.Check(new Dictionary<string, GraphSignature> { ["unet"] = graph.Signature });
        using PatchedGraph patched = set.Patch("unet", graph);
        File.WriteAllBytes(folder.Combine("merged.onnx"), patched.Bytes);
        var merged = OnnxStructure.Read(folder.Combine("merged.onnx"));
        float[] stored = Stored(name);
        return (form == "MatMul" ? Transposed(stored, columns) : stored, Stored((form == "Conv" ? Conv : Linear) + ".bias"));

        float[] Stored(string initializer)
        {
            (long start, long end) = merged.Initializers.Single(one => one.Name == initializer).Raw!.Value;
            return MemoryMarshal.Cast<byte, float>(patched.Bytes.AsSpan((int)start, (int)(end - start))).ToArray();
        }
    }

    private static GraphWeights Read(OnnxStub stub)
    {
        using var folder = new TemporaryFolder();
        stub.Save(folder.Combine("model.onnx"));
        return GraphWeights.Read(folder.Combine("model.onnx"));
    }

    private static void Check(LoraFile file, GraphWeights unet) =>
        new AdapterSet([new LoraUse(file, 1)], []).Check(new Dictionary<string, GraphSignature> { ["unet"] = unet.Signature });

    /// <summary>Returns the numbers in turn, divided; exact in 16 bits.</summary>
    private static Func<float> Pool(int[] numbers, int divisor)
    {
        int at = 0;
        return () => numbers[at++ % numbers.Length] / (float)divisor;
    }

    /// <summary>Returns whole numbers of -3..3 in turn.</summary>
    private static Func<float> Whole(int[] numbers) => Pool([.. numbers.Select(number => (int)Math.Round(number / 16.0))], 1);

    private static float[] Transposed(float[] matrix, int rows) =>
        [.. Enumerable.Range(0, matrix.Length).Select(at => matrix[at % rows * (matrix.Length / rows) + at / rows])];

    private static LoraFile Parse(SafetensorsWriter writer) => LoraFile.Parse(SafetensorsFile.Parse(writer.Bytes(), "some.safetensors"));

    private static string Refused(SafetensorsWriter writer) => Assert.Throws<ModelException>(() => Parse(writer)).Message;

    private static int[] Bits(float[] values) => [.. values.Select(BitConverter.SingleToInt32Bits)];

    private static void AssertClose(double[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        double largest = expected.Max(Math.Abs);
        Assert.All(expected.Zip(actual), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, 1e-4 * (1 + largest)));
    }

    private sealed record Draw(
        (int, int) Outputs, (int, int) Inputs, int Rank, int Kernel, float? Alpha, double Strength, string Dtype, string Axis, int[] Numbers);
}
