using Brownian.Import.Configs;
using Brownian.Import.Weights;

namespace Brownian.Import.Networks;

/// <summary>The encoder of a T5 model (<c>models/t5/modeling_t5.py</c> of transformers).</summary>
internal static class T5Encoder
{
    /// <summary>Builds the graph.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="parameters">The weights.</param>
    /// <param name="options">How the graph is built.</param>
    /// <param name="hasMask">Whether the graph takes a mask of the tokens, as DeepFloyd IF's does.</param>
    public static GraphBuilder Build(NetworkConfig config, Parameters parameters, GraphOptions options, bool hasMask)
    {
        var graph = new GraphBuilder("T5EncoderModel", parameters, options);
        int width = config.Integer("d_model", 512), headSize = config.Integer("d_kv", 64), heads = config.Integer("num_heads", 8);
        int inner = config.Integer("d_ff", 2048), layers = config.Integer("num_layers", 6), vocabulary = config.Integer("vocab_size", 32128);
        float epsilon = (float)config.Number("layer_norm_epsilon", 1e-6);
        // "gated-gelu" means the approximation by tanh, whatever dense_act_fn says.
        (bool isGated, Activation activation) = config.Choice<(bool, Activation)>(
            "feed_forward_proj", "relu", ("relu", (false, Activation.Relu)), ("gated-gelu", (true, Activation.GeluTanh)),
            ("gated-silu", (true, Activation.Silu)), ("gelu", (false, Activation.Gelu)));
        int attention = heads * headSize;

        Value ids = graph.Input("input_ids", ElementType.Int64, "batch_size", "sequence_length");
        Value? mask = hasMask ? graph.Input("attention_mask", ElementType.Int64, "batch_size", "sequence_length") : null;
        // The sum of the blocks and the products that end them exceed the range of float16 (_keep_in_fp32_modules).
        Value x = graph.Widen(graph.Embedding("shared", ids, vocabulary, width));
        var scores = new AttentionScores(Scale: 1, Bias: Positions(graph, config, ids, heads), KeyMask: mask, MaskValue: float.MinValue);
        for (int i = 0; i < layers; i++)
        {
            string block = $"encoder.block.{i}.layer", module = block + ".0.SelfAttention";
            Value normal = graph.RootMeanSquareNorm(block + ".0.layer_norm", x, width, epsilon);
            Value attended = graph.Attention(
                module,
                graph.Linear(module + ".q", normal, width, attention, hasBias: false),
                graph.Linear(module + ".k", normal, width, attention, hasBias: false),
                graph.Linear(module + ".v", normal, width, attention, hasBias: false),
                heads,
                headSize,
                scores);
            x = graph.Add(module, x, graph.Linear(module + ".o", attended, attention, width, hasBias: false));
            module = block + ".1.DenseReluDense";
            normal = graph.RootMeanSquareNorm(block + ".1.layer_norm", x, width, epsilon);
            string first = isGated ? ".wi_0" : ".wi";
            Value hidden = graph.Activate(module, graph.Linear(module + first, normal, width, inner, hasBias: false), activation);
            if (isGated)
            {
                hidden = graph.Multiply(module, hidden, graph.Linear(module + ".wi_1", normal, width, inner, hasBias: false));
            }
            x = graph.Add(module, x, graph.Linear(module + ".wo", hidden, inner, width, hasBias: false, isWide: true));
        }
        x = graph.RootMeanSquareNorm("encoder.final_layer_norm", x, width, epsilon);
        graph.Output("last_hidden_state", x, "batch_size", "sequence_length", width);
        return graph;
    }

    /// <summary>Returns what the distances of tokens add to the scores of all blocks, <c>[1, heads, tokens, tokens]</c>.</summary>
    private static Value Positions(GraphBuilder graph, NetworkConfig config, Value ids, int heads)
    {
        const string At = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias";
        int buckets = config.Integer("relative_attention_num_buckets", 32), farthest = config.Integer("relative_attention_max_distance", 128);
        if (buckets % 4 != 0 || farthest <= buckets / 4)
        {
            config.Refuse("relative_attention_num_buckets", "a multiple of 4, below four times relative_attention_max_distance");
            buckets = 4;
            farthest = Math.Max(farthest, 2);
        }
        // Beyond the largest distance all are in one bucket.
        long[] table = [.. Enumerable.Range(-farthest, 2 * farthest + 1).Select(distance => Bucket(distance, buckets, farthest))];
        Value places = graph.Node(
            At, "Range",
            [graph.Constant([0L], []), graph.Node(At, "Squeeze", [graph.Side(At, ids, 1)]), graph.Constant([1L], [])]);
        Value distances = graph.Subtract(At, graph.Unsqueeze(At, places, 0), graph.Unsqueeze(At, places, 1));
        Value clipped = graph.Node(At, "Clip", [distances, graph.Constant([(long)-farthest], []), graph.Constant([(long)farthest], [])]);
        Value index = graph.Add(At, clipped, graph.Constant([(long)farthest], []));
        Value bias = graph.Embedding(At, graph.Node(At, "Gather", [graph.Constant(table), index]), buckets, heads);
        return graph.Unsqueeze(At, graph.Transpose(At, bias, 2, 0, 1), 0);
    }

    /// <summary>Returns the bucket of a key's distance from a query (<c>_relative_position_bucket</c>, both directions).</summary>
    private static long Bucket(int distance, int buckets, int farthest)
    {
        int half = buckets / 2, exact = half / 2, size = Math.Abs(distance);
        int start = distance > 0 ? half : 0;
        if (size < exact)
        {
            return start + size;
        }
        double place = Math.Log((double)size / exact) / Math.Log((double)farthest / exact) * (half - exact);
        return start + Math.Min(exact + (int)place, half - 1);
    }
}
