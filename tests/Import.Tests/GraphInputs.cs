using Brownian.Diffusion.Noise;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Brownian.Import.Tests;

/// <summary>Random inputs of a graph, of sizes that fit each other.</summary>
internal static class GraphInputs
{
    /// <summary>The sizes of the dimensions that have names.</summary>
    private static readonly Dictionary<string, int> Sides = new(StringComparer.Ordinal)
    {
        ["batch_size"] = 2,
        ["sequence_length"] = 77,
        ["height"] = 8,
        ["width"] = 16,
        ["latent_height"] = 8,
        ["latent_width"] = 4,
        ["packed_height_width"] = 24,
        ["step"] = 2,
        ["image_height"] = 64,
        ["image_width"] = 128,
        ["down_block_0_height"] = 8,
        ["down_block_0_width"] = 16,
        ["down_block_1_height"] = 8,
        ["down_block_1_width"] = 16,
        ["down_block_2_height"] = 4,
        ["down_block_2_width"] = 8,
        ["down_block_3_height"] = 4,
        ["down_block_3_width"] = 8,
        ["mid_block_height"] = 4,
        ["mid_block_width"] = 8,
        ["sample_height"] = 64,
        ["sample_width"] = 32,
    };

    /// <summary>Returns random inputs.</summary>
    /// <param name="session">The graph that tells the names, types and shapes.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="vocabulary">The number of tokens.</param>
    public static Dictionary<string, OrtValue> Create(InferenceSession session, int seed, int vocabulary = 2000)
    {
        var generator = new TorchCpuGenerator((ulong)seed);
        return session.InputMetadata.ToDictionary(
            input => input.Key,
            input =>
            {
                long[] shape = [.. input.Value.Dimensions.Select((side, i) => side > 0 ? side : Sides[input.Value.SymbolicDimensions[i]])];
                float[] values = new float[shape.Aggregate(1L, (product, side) => product * side)];
                generator.FillNormal(values);
                if (input.Key == "timestep")
                {
                    // Flux's is from 0 to 1.
                    float scale = session.InputMetadata.ContainsKey("img_ids") ? 0.001f : 1;
                    Array.Fill(values, scale * (100.5f + (300 * Math.Abs(values[0]))));
                }
                if (input.Value.ElementDataType == TensorElementType.Bool)
                {
                    return OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(values, value => value > -1), shape);
                }
                if (input.Value.ElementDataType != TensorElementType.Int64)
                {
                    return OrtValue.CreateTensorValueFromMemory(values, shape);
                }
                int most = input.Key == "input_ids" ? vocabulary : 4;
                return OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(values, value => (long)(Math.Abs(value) * 1000) % most), shape);
            },
            StringComparer.Ordinal);
    }
}
