using Brownian.Import.Networks.Layers;

namespace Brownian.Import.Networks.Unet;

/// <summary>
/// The layers that UNets, ControlNets and autoencoders consist of (<c>models/resnet.py</c>, <c>models/attention.py</c>,
/// <c>models/attention_processor.py</c> and <c>models/transformers/transformer_2d.py</c> of diffusers).
/// </summary>
/// <param name="graph">The graph.</param>
/// <param name="groups">The groups of the norms.</param>
/// <param name="epsilon">The epsilon of the norms of residual blocks.</param>
/// <param name="activation">The activation function of residual blocks.</param>
internal sealed class UnetLayers(GraphBuilder graph, int groups, float epsilon, Activation activation)
{
    /// <summary>The groups of a text's norm (<c>cross_attention_norm</c>).</summary>
    public const int TextGroups = 32;

    /// <summary>The width of the embedding of the timestep; 0 for none.</summary>
    public int EmbeddingWidth { get; init; }

    /// <summary>Whether the embedding scales and shifts the normalised values, and is not added (<c>resnet_time_scale_shift</c>).</summary>
    public bool ScalesAndShifts { get; init; }

    /// <summary>Normalises, and applies the activation function.</summary>
    public Value NormAndActivate(string at, Value x, int channels) =>
        graph.Activate(at, graph.GroupNorm(at, x, channels, groups, epsilon), activation);

    /// <summary>A residual block (<c>ResnetBlock2D</c>).</summary>
    /// <param name="at">The module.</param>
    /// <param name="x">The feature maps.</param>
    /// <param name="embedding">The embedding of the timestep, after its activation; none where there is no embedding.</param>
    /// <param name="inputs">The channels of the feature maps.</param>
    /// <param name="outputs">The channels of the result.</param>
    /// <param name="outputScale">What the sum is divided by.</param>
    /// <param name="sampling">Whether the size changes.</param>
    public Value Resnet(
        string at, Value x, Value embedding, int inputs, int outputs, double outputScale = 1, Sampling sampling = Sampling.None)
    {
        Value hidden = NormAndActivate(at + ".norm1", x, inputs);
        if (sampling != Sampling.None)
        {
            (hidden, x) = sampling == Sampling.Down ? (graph.AveragePool(at, hidden), graph.AveragePool(at, x))
                : (graph.UpsampleNearest(at, hidden), graph.UpsampleNearest(at, x));
        }
        hidden = graph.InnerConv(at + ".conv1", hidden, inputs, outputs);
        if (embedding.IsNone)
        {
            hidden = NormAndActivate(at + ".norm2", hidden, outputs);
        }
        else
        {
            int width = ScalesAndShifts ? 2 * outputs : outputs;
            Value projected = graph.Unsqueeze(at, graph.Linear(at + ".time_emb_proj", embedding, EmbeddingWidth, width, isExact: true), 2, 3);
            if (ScalesAndShifts)
            {
                Value[] parts = graph.Split(at, projected, 2, 1);
                hidden = graph.GroupNorm(at + ".norm2", hidden, outputs, groups, epsilon);
                hidden = graph.Add(at, graph.Multiply(at, hidden, graph.OnePlus(at, parts[0])), parts[1]);
                hidden = graph.Activate(at, hidden, activation);
            }
            else
            {
                hidden = NormAndActivate(at + ".norm2", graph.Add(at, hidden, projected), outputs);
            }
        }
        hidden = graph.InnerConv(at + ".conv2", hidden, outputs, outputs);
        if (inputs != outputs)
        {
            x = graph.Conv(at + ".conv_shortcut", x, inputs, outputs, kernel: 1);
        }
        Value sum = graph.Add(at, x, hidden);
        return outputScale == 1 ? sum : graph.Divide(at, sum, graph.Scalar((float)outputScale));
    }

    /// <summary>A convolution that halves the size (<c>Downsample2D</c>).</summary>
    /// <param name="at">The module.</param>
    /// <param name="x">The feature maps.</param>
    /// <param name="channels">Their channels.</param>
    /// <param name="padsAllSides">Whether zeros are added on all sides, and not only at the bottom and right (padding 1, or 0).</param>
    public Value Downsample(string at, Value x, int channels, bool padsAllSides) =>
        graph.InnerConv(at + ".conv", x, channels, channels, stride: 2, padding: padsAllSides ? [1, 1, 1, 1] : [0, 0, 1, 1]);

    /// <summary>Doubles the size, then convolves (<c>Upsample2D</c>).</summary>
    public Value Upsample(string at, Value x, int channels) => graph.InnerConv(at + ".conv", graph.UpsampleNearest(at, x), channels, channels);

    /// <summary>
    /// Attention of a feature map to itself (<c>Attention</c> with <c>AttnProcessor</c> and <c>residual_connection</c>). All projections have biases.
    /// </summary>
    /// <param name="at">The module.</param>
    /// <param name="x">The feature maps.</param>
    /// <param name="channels">Their channels.</param>
    /// <param name="headSize">The width of a head.</param>
    /// <param name="outputScale">What the sum is divided by.</param>
    /// <param name="hasNorm">Whether the feature maps are normalised first.</param>
    public Value SelfAttention(string at, Value x, int channels, int headSize, double outputScale = 1, bool hasNorm = true)
    {
        Value normal = hasNorm ? graph.GroupNorm(at + ".group_norm", x, channels, groups, epsilon) : x;
        Value tokens = Tokens(at, normal, channels);
        Value attended = graph.Attention(
            at,
            graph.Linear(at + ".to_q", tokens, channels, channels),
            graph.Linear(at + ".to_k", tokens, channels, channels),
            graph.Linear(at + ".to_v", tokens, channels, channels),
            channels / headSize,
            headSize);
        Value sum = graph.Add(at, FeatureMap(at, graph.Linear(at + ".to_out.0", attended, channels, channels), x), x);
        return outputScale == 1 ? sum : graph.Divide(at, sum, graph.Scalar((float)outputScale));
    }

    /// <summary>
    /// Attention of a feature map to a text and to itself at once (<c>Attention</c> with <c>AttnAddedKVProcessor</c>), as in DeepFloyd IF and
    /// Karlo. The text's keys come first.
    /// </summary>
    /// <param name="at">The module.</param>
    /// <param name="x">The feature maps.</param>
    /// <param name="channels">Their channels.</param>
    /// <param name="headSize">The width of a head.</param>
    /// <param name="text">The text.</param>
    /// <param name="onlyText">Whether the feature map attends to the text only.</param>
    public Value AddedTextAttention(string at, Value x, int channels, int headSize, UnetText text, bool onlyText)
    {
        const float NormEpsilon = 1e-5f;
        Value tokens = Tokens(at, graph.GroupNorm(at + ".group_norm", x, channels, groups, NormEpsilon), channels);
        Value states = text.States;
        if (text.IsNormalised)
        {
            string norm = at + ".norm_cross";
            Value columns = graph.Transpose(norm, states, 0, 2, 1);
            states = graph.Transpose(norm, graph.GroupNorm(norm, columns, text.Width, TextGroups, NormEpsilon, dimensions: 3), 0, 2, 1);
        }
        Value key = graph.Linear(at + ".add_k_proj", states, text.Width, channels);
        Value value = graph.Linear(at + ".add_v_proj", states, text.Width, channels);
        Value? mask = text.Mask;
        if (!onlyText)
        {
            key = graph.Concat(at, 1, key, graph.Linear(at + ".to_k", tokens, channels, channels));
            value = graph.Concat(at, 1, value, graph.Linear(at + ".to_v", tokens, channels, channels));
            if (mask is { } ofText)
            {
                // All tokens of the feature map are attended to.
                Value ones = graph.Node(at, "Expand", [graph.Scalar(1), graph.Node(at, "Shape", [tokens], ("start", 0), ("end", 2))]);
                mask = graph.Concat(at, 1, graph.Cast(at, ofText, ElementType.Float32), ones);
            }
        }
        Value attended = graph.Attention(
            at,
            graph.Linear(at + ".to_q", tokens, channels, channels),
            key,
            value,
            channels / headSize,
            headSize,
            new AttentionScores(KeyMask: mask));
        return graph.Add(at, FeatureMap(at, graph.Linear(at + ".to_out.0", attended, channels, channels), x), x);
    }

    /// <summary>Transformer blocks over the pixels of a feature map (<c>Transformer2DModel</c>).</summary>
    /// <param name="at">The module.</param>
    /// <param name="x">The feature maps.</param>
    /// <param name="channels">Their channels.</param>
    /// <param name="transformer">The blocks.</param>
    /// <param name="text">The text.</param>
    public Value Transformer(string at, Value x, int channels, UnetTransformer transformer, UnetText text)
    {
        const float NormEpsilon = 1e-6f;
        Value normal = graph.GroupNorm(at + ".norm", x, channels, groups, NormEpsilon);
        Value tokens = transformer.IsLinear
            ? graph.Linear(at + ".proj_in", Tokens(at, normal, channels), channels, channels)
            : Tokens(at, graph.InnerConv(at + ".proj_in", normal, channels, channels, kernel: 1), channels);
        for (int i = 0; i < transformer.Layers; i++)
        {
            tokens = TransformerBlock($"{at}.transformer_blocks.{i}", tokens, channels, transformer, text);
        }
        Value map = transformer.IsLinear
            ? FeatureMap(at, graph.Linear(at + ".proj_out", tokens, channels, channels), x)
            : graph.InnerConv(at + ".proj_out", FeatureMap(at, tokens, x), channels, channels, kernel: 1);
        return graph.Add(at, map, x);
    }

    private Value TransformerBlock(string at, Value tokens, int channels, UnetTransformer transformer, UnetText text)
    {
        Value normal = graph.LayerNorm(at + ".norm1", tokens, channels);
        tokens = graph.Add(
            at,
            transformer.OnlyText ? Attention(at + ".attn1", normal, text.States, text.Width)
                : Attention(at + ".attn1", normal, normal, channels),
            tokens);
        tokens = graph.Add(at, Attention(at + ".attn2", graph.LayerNorm(at + ".norm2", tokens, channels), text.States, text.Width), tokens);
        return graph.Add(at, FeedForward.BuildGated(graph, at + ".ff", graph.LayerNorm(at + ".norm3", tokens, channels), channels), tokens);

        Value Attention(string module, Value query, Value source, int width) => graph.Linear(
            module + ".to_out.0",
            graph.Attention(
                module,
                graph.Linear(module + ".to_q", query, channels, channels, hasBias: false),
                graph.Linear(module + ".to_k", source, width, channels, hasBias: false),
                graph.Linear(module + ".to_v", source, width, channels, hasBias: false),
                transformer.Heads,
                channels / transformer.Heads),
            channels,
            channels);
    }

    /// <summary>Returns the pixels of feature maps as tokens, <c>[batch, height * width, channels]</c>.</summary>
    private Value Tokens(string at, Value x, int channels) => graph.Transpose(at, graph.Reshape(at, x, 0, channels, -1), 0, 2, 1);

    /// <summary>Returns tokens as feature maps of the shape of others.</summary>
    private Value FeatureMap(string at, Value tokens, Value like) => graph.ReshapeLike(at, graph.Transpose(at, tokens, 0, 2, 1), like);
}
