using Brownian.Import.Configs;
using Brownian.Import.Networks.Unet;
using Brownian.Import.Weights;

namespace Brownian.Import.Networks;

/// <summary>
/// The autoencoder of latent diffusion: its encoder and its decoder are two graphs (<c>models/autoencoders/autoencoder_kl.py</c> and
/// <c>models/autoencoders/vae.py</c> of diffusers).
/// </summary>
internal sealed class AutoencoderKl
{
    private const float Epsilon = 1e-6f;

    private readonly Parameters _parameters;
    private readonly GraphOptions _options;
    private readonly int[] _channels;
    private readonly int _layers;
    private readonly int _latents;
    private readonly int _groups;
    private readonly int _channelsIn;
    private readonly int _channelsOut;
    private readonly Activation _activation;
    private readonly bool _hasQuantizer;
    private readonly bool _hasPostQuantizer;
    private readonly bool _midAttends;

    /// <param name="config">The configuration.</param>
    /// <param name="parameters">The weights.</param>
    /// <param name="options">How the graphs are built.</param>
    public AutoencoderKl(NetworkConfig config, Parameters parameters, GraphOptions options)
    {
        (_parameters, _options) = (parameters, options);
        _channels = config.Integers("block_out_channels", 64);
        foreach ((string key, string type) in ((string, string)[])
            [("down_block_types", "DownEncoderBlock2D"), ("up_block_types", "UpDecoderBlock2D")])
        {
            string[] types = config.Texts(key, type);
            if (types.Length != _channels.Length || types.Any(name => name != type))
            {
                config.Refuse(key, $"{type}, as many as block_out_channels, {_channels.Length}");
            }
        }
        _layers = config.Integer("layers_per_block", 1);
        _latents = config.Integer("latent_channels", 4);
        _groups = config.Integer("norm_num_groups", 32);
        config.RequireDivisor("norm_num_groups", _groups, "block_out_channels", _channels);
        _channelsIn = config.Integer("in_channels", 3);
        _channelsOut = config.Integer("out_channels", 3);
        _activation = UnetShape.ReadActivation(config, "act_fn");
        _hasQuantizer = config.Flag("use_quant_conv", true);
        _hasPostQuantizer = config.Flag("use_post_quant_conv", true);
        _midAttends = config.Flag("mid_block_add_attention", true);
    }

    /// <summary>
    /// Returns whether an autoencoder computes in float16 without exceeding its range: those of Stable Diffusion 1 and 2, which are told by their
    /// factor, and those that say so (<c>force_upcast</c>). That of XL does not, and for later ones it is not known.
    /// </summary>
    /// <param name="config">The configuration.</param>
    public static bool FitsFloat16(NetworkConfig config)
    {
        const double Factor = 0.18215;
        return config.Number("scaling_factor", Factor) == Factor || !config.Flag("force_upcast", true);
    }

    /// <summary>Builds the decoder's graph: latents to images from -1 to 1.</summary>
    public GraphBuilder BuildDecoder()
    {
        var graph = new GraphBuilder("AutoencoderKL.decoder", _parameters, _options);
        var layers = new UnetLayers(graph, _groups, Epsilon, _activation);
        Value x = graph.Input("latent_sample", ElementType.Float32, "batch_size", _latents, "latent_height", "latent_width");
        if (_hasPostQuantizer)
        {
            x = graph.Conv("post_quant_conv", x, _latents, _latents, kernel: 1);
        }
        int channels = _channels[^1];
        x = Middle(layers, "decoder.mid_block", graph.Conv("decoder.conv_in", x, _latents, channels), channels);
        for (int i = 0; i < _channels.Length; i++)
        {
            int outputs = _channels[^(i + 1)];
            string block = $"decoder.up_blocks.{i}";
            for (int layer = 0; layer <= _layers; layer++)
            {
                x = layers.Resnet($"{block}.resnets.{layer}", x, Value.None, layer == 0 ? channels : outputs, outputs);
            }
            if (i < _channels.Length - 1)
            {
                x = layers.Upsample($"{block}.upsamplers.0", x, outputs);
            }
            channels = outputs;
        }
        x = graph.Silu("decoder.conv_norm_out", graph.GroupNorm("decoder.conv_norm_out", x, channels, _groups, Epsilon));
        graph.Output(
            "sample", graph.Conv("decoder.conv_out", x, channels, _channelsOut), "batch_size", _channelsOut, "sample_height", "sample_width");
        return graph;
    }

    /// <summary>Builds the encoder's graph: images from -1 to 1 to means and logarithms of variances.</summary>
    public GraphBuilder BuildEncoder()
    {
        var graph = new GraphBuilder("AutoencoderKL.encoder", _parameters, _options);
        var layers = new UnetLayers(graph, _groups, Epsilon, _activation);
        Value x = graph.Input("sample", ElementType.Float32, "batch_size", _channelsIn, "sample_height", "sample_width");
        int channels = _channels[0];
        x = graph.Conv("encoder.conv_in", x, _channelsIn, channels);
        for (int i = 0; i < _channels.Length; i++)
        {
            string block = $"encoder.down_blocks.{i}";
            for (int layer = 0; layer < _layers; layer++)
            {
                x = layers.Resnet($"{block}.resnets.{layer}", x, Value.None, layer == 0 ? channels : _channels[i], _channels[i]);
            }
            channels = _channels[i];
            if (i < _channels.Length - 1)
            {
                x = layers.Downsample($"{block}.downsamplers.0", x, channels, padsAllSides: false);
            }
        }
        x = Middle(layers, "encoder.mid_block", x, channels);
        x = graph.Silu("encoder.conv_norm_out", graph.GroupNorm("encoder.conv_norm_out", x, channels, _groups, Epsilon));
        x = graph.Conv("encoder.conv_out", x, channels, 2 * _latents);
        if (_hasQuantizer)
        {
            x = graph.Conv("quant_conv", x, 2 * _latents, 2 * _latents, kernel: 1);
        }
        graph.Output("latent_parameters", x, "batch_size", 2 * _latents, "latent_height", "latent_width");
        return graph;
    }

    private Value Middle(UnetLayers layers, string block, Value x, int channels)
    {
        x = layers.Resnet(block + ".resnets.0", x, Value.None, channels, channels);
        if (_midAttends)
        {
            x = layers.SelfAttention(block + ".attentions.0", x, channels, channels);
        }
        return layers.Resnet(block + ".resnets.1", x, Value.None, channels, channels);
    }
}
