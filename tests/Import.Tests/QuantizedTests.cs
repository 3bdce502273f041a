using Brownian.Import.Folders;
using Brownian.Import.Graphs;
using CsCheck;
using Microsoft.ML.OnnxRuntime;

namespace Brownian.Import.Tests;

/// <summary>Models with weights of 8 bits.</summary>
public sealed class QuantizedTests(Checkpoints checkpoints) : IClassFixture<Checkpoints>
{
    /// <summary>The largest root mean square of the differences of one evaluation, as a share of that of the float32 graph's output.</summary>
    private const double Tolerance = 0.05;

    public static TheoryData<string, string> Denoisers => new()
    {
        { "tiny-sd15", "unet" },
        { "tiny-sd15-controlnet", "controlnet" },
        { "tiny-sdxl", "unet" },
        { "tiny-if", "unet" },
        { "tiny-karlo", "decoder" },
        { "tiny-karlo", "super_res_first" },
        { "tiny-karlo", "prior" },
        { "tiny-sd3", "transformer" },
        { "tiny-flux-dev", "transformer" },
        { "ck-sd15-three-levels", "unet" },
    };

    [Theory]
    [MemberData(nameof(Denoisers))]
    public void An_evaluation_is_close_to_that_of_float32_and_no_row_depends_on_others(string model, string part)
    {
        using var folder = new TemporaryFolder();
        using InferenceSession exact = Open(model, part, folder.Combine("float32"), new GraphOptions());
        using InferenceSession quantized = Open(
            model, part, folder.Combine("int8"), new GraphOptions { QuantizesLinear = true, QuantizesConvolutions = true });
        Dictionary<string, OrtValue> inputs = GraphInputs.Create(exact, 1);
        Dictionary<string, (long[] Shape, float[] Values)> expected = GraphRun.Run(exact, inputs), actual = GraphRun.Run(quantized, inputs);
        double[] differences = [.. expected.Select(output => GraphRun.RelativeDifference(output.Value.Values, actual[output.Key].Values))];
        Assert.InRange(differences.Max(), 1e-6, Tolerance);

        // The second row is a thousand times as large, and the first stays as it was.
        foreach ((string name, OrtValue value) in inputs)
        {
            long[] shape = value.GetTensorTypeAndShape().Shape;
            if (shape is [2, _, ..] && value.GetTensorTypeAndShape().ElementDataType == Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Float)
            {
                Span<float> values = value.GetTensorMutableDataAsSpan<float>();
                foreach (ref float number in values[(values.Length / 2)..])
                {
                    number *= 1000;
                }
            }
        }
        Assert.All(GraphRun.Run(quantized, inputs), output =>
            Assert.Equal(FirstRow(actual[output.Key].Values), FirstRow(output.Value.Values)));

        static float[] FirstRow(float[] values) => values[..(values.Length / 2)];
    }

    [Fact]
    public void Blocks_hold_elements_within_half_a_scale() => Gen.Float[-8, 8].Array[1, 300].Sample(row =>
    {
        int block = QuantizedWeights.BlockOf(row.Length), blocks = QuantizedWeights.BlocksOf(row.Length);
        byte[] bytes = new byte[block * blocks];
        float[] scales = new float[blocks];
        QuantizedWeights.EncodeBlocks(row, bytes, scales);
        Assert.True(block * blocks >= row.Length && block * (blocks - 1) < row.Length);
        for (int i = 0; i < bytes.Length; i++)
        {
            float element = i < row.Length ? row[i] : 0, scale = scales[i / block];
            Assert.InRange(Math.Abs(element - ((bytes[i] - 128) * scale)), 0, scale * 0.5001f);
        }
        for (int i = 0; i < blocks; i++)
        {
            // The whole range is used: the largest element of a block is 127 scales.
            float largest = row[(i * block)..Math.Min(row.Length, (i + 1) * block)].Max(Math.Abs);
            Assert.Equal(largest > 0 ? largest / 127 : 1, scales[i]);
        }
    });

    [Fact]
    public void Columns_hold_the_elements_of_a_convolution_in_the_order_of_its_places()
    {
        // Two outputs, two inputs, a kernel of one row and two columns.
        float[] weight = [1, 2, 3, 4, -127, 0, 63.5f, 127];
        sbyte[] bytes = new sbyte[8];
        float[] scales =
        [
            .. Enumerable.Range(0, 2).Select(output => QuantizedWeights.EncodeColumn(weight.AsSpan(output * 4, 4), 2, bytes, output, 2)),
        ];

        Assert.Equal([4f / 127, 1], scales);
        // Places first, then inputs, then outputs: output 0 has 32, 64, 95, 127 for its elements.
        Assert.Equal([32, -127, 95, 64, 64, 0, 127, 127], bytes.Select(element => (int)element));
    }

    private InferenceSession Open(string model, string part, string folder, GraphOptions options)
    {
        using (var source = CheckpointSource.Open(checkpoints.Folder(model), new ImportSettings(null, options)))
        {
            ImportWriter.Write(source, folder, null, TestContext.Current.CancellationToken);
        }
        return GraphRun.Open(Path.Combine(folder, part, "model.onnx"));
    }
}
