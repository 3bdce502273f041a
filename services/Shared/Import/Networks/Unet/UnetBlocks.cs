namespace Brownian.Import.Networks.Unet;

/// <summary>The blocks of a UNet or of a ControlNet, in the order in which they run (<c>models/unets/unet_2d_blocks.py</c> of diffusers).</summary>
/// <param name="graph">The graph.</param>
/// <param name="shape">The levels.</param>
/// <param name="embedding">The embedding of the timestep.</param>
/// <param name="embeddingWidth">Its width.</param>
/// <param name="text">The text; null for a network without one.</param>
internal sealed class UnetBlocks(GraphBuilder graph, UnetShape shape, UnetEmbedding embedding, int embeddingWidth, UnetText? text)
{
    /// <summary>The layers.</summary>
    public UnetLayers Layers { get; } = new(graph, shape.Groups, shape.Epsilon, shape.Activation)
    {
        EmbeddingWidth = embeddingWidth,
        ScalesAndShifts = shape.ScalesAndShifts,
    };

    /// <summary>The lower half.</summary>
    /// <param name="x">The output of the first convolution.</param>
    /// <param name="skips">Receives the values that the upper half takes, with their channels.</param>
    public Value Down(Value x, List<(Value Value, int Channels)> skips)
    {
        skips.Add((x, shape.Channels[0]));
        for (int level = 0; level < shape.Channels.Length; level++)
        {
            int channels = shape.Channels[level];
            string block = $"down_blocks.{level}";
            for (int layer = 0; layer < shape.Layers[level]; layer++)
            {
                int inputs = layer > 0 ? channels : shape.Channels[Math.Max(level - 1, 0)];
                x = Resnet(shape.Down[level], $"{block}.resnets.{layer}", x, inputs, channels);
                x = Attend(
                    shape.Down[level], $"{block}.attentions.{layer}", x, channels, shape.Heads[level], shape.Heads[level],
                    shape.DownTransformers.Length > 0 ? shape.DownTransformers[level][layer] : 0, shape.OnlyText[level]);
                skips.Add((x, channels));
            }
            if (level < shape.Channels.Length - 1)
            {
                string sampler = $"{block}.downsamplers.0";
                x = ResizesByResnet(shape.Down[level]) ? Resnet(shape.Down[level], sampler, x, channels, channels, Sampling.Down)
                    : Layers.Downsample(sampler, x, channels, shape.PadsAllSides);
                skips.Add((x, channels));
            }
        }
        return x;
    }

    /// <summary>The middle block.</summary>
    /// <param name="x">The output of the lower half.</param>
    /// <param name="attention">Its attention.</param>
    /// <param name="onlyText">Whether the feature map attends to the text only; it concerns <see cref="BlockAttention.AddedText"/>.</param>
    /// <param name="selfHasNorm">Whether the feature map is normalised before <see cref="BlockAttention.Self"/>.</param>
    /// <param name="resnets">The number of residual blocks: 2, or 1 without anything between.</param>
    public Value Middle(Value x, BlockAttention attention, bool onlyText = false, bool selfHasNorm = true, int resnets = 2)
    {
        const string Block = "mid_block";
        int channels = shape.Channels[^1], heads = shape.Heads[^1];
        bool skips = attention == BlockAttention.AddedText && shape.SkipsActivation;
        Value taken = skips ? embedding.Raw : embedding.Activated;
        x = Layers.Resnet(Block + ".resnets.0", x, taken, channels, channels, shape.MidScale);
        if (resnets == 1)
        {
            return x;
        }
        const string Module = Block + ".attentions.0";
        x = attention switch
        {
            BlockAttention.Transformer => Layers.Transformer(
                Module, x, channels, new UnetTransformer(shape.DownTransformers[^1] is [var first, ..] ? first : 1, heads, shape.IsLinear, false),
                text!),
            BlockAttention.AddedText => Layers.AddedTextAttention(Module, x, channels, heads, text!, onlyText),
            BlockAttention.Self => Layers.SelfAttention(Module, x, channels, heads, shape.MidScale, selfHasNorm),
            _ => x,
        };
        return Layers.Resnet(Block + ".resnets.1", x, taken, channels, channels, shape.MidScale);
    }

    /// <summary>The upper half.</summary>
    /// <param name="x">The output of the middle block.</param>
    /// <param name="skips">The values of the lower half; the last is taken first.</param>
    public Value Up(Value x, List<(Value Value, int Channels)> skips)
    {
        int levels = shape.Channels.Length, before = shape.Channels[^1], next = skips.Count;
        for (int i = 0; i < levels; i++)
        {
            int level = levels - 1 - i, channels = shape.Channels[level];
            string block = $"up_blocks.{i}";
            for (int layer = 0; layer <= shape.Layers[level]; layer++)
            {
                (Value skip, int more) = skips[--next];
                x = Resnet(
                    shape.Up[i], $"{block}.resnets.{layer}", graph.Concat(block, 1, x, skip), (layer == 0 ? before : channels) + more, channels);
                // The width of a head is that of the level with the same number in the lower half, as the reference has it.
                x = Attend(
                    shape.Up[i], $"{block}.attentions.{layer}", x, channels, shape.Heads[level], shape.Heads[i],
                    shape.UpTransformers.Length > 0 ? shape.UpTransformers[i][layer] : 0, shape.OnlyText[level]);
            }
            if (i < levels - 1)
            {
                string sampler = $"{block}.upsamplers.0";
                x = ResizesByResnet(shape.Up[i]) ? Resnet(shape.Up[i], sampler, x, channels, channels, Sampling.Up)
                    : Layers.Upsample(sampler, x, channels);
            }
            before = channels;
        }
        return x;
    }

    private bool ResizesByResnet(BlockType type) => type.IsNewer || shape.ResnetsResize && type.Attention == BlockAttention.Self;

    private Value Resnet(BlockType type, string at, Value x, int inputs, int outputs, Sampling sampling = Sampling.None) => Layers.Resnet(
        at, x, type.IsNewer && shape.SkipsActivation ? embedding.Raw : embedding.Activated, inputs, outputs,
        type.IsNewer ? shape.OutputScale : 1, sampling);

    private Value Attend(BlockType type, string at, Value x, int channels, int heads, int headSize, int transformers, bool onlyText) =>
        type.Attention switch
        {
            BlockAttention.Self => Layers.SelfAttention(at, x, channels, headSize),
            BlockAttention.Transformer =>
                Layers.Transformer(at, x, channels, new UnetTransformer(transformers, heads, shape.IsLinear, onlyText), text!),
            BlockAttention.AddedText => Layers.AddedTextAttention(at, x, channels, headSize, text!, onlyText),
            _ => x,
        };
}
