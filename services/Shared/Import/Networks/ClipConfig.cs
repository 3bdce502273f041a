using Brownian.Import.Configs;

namespace Brownian.Import.Networks;

/// <summary>The transformer of a CLIP model (<c>models/clip/configuration_clip.py</c> of transformers).</summary>
/// <param name="Width">The width of the tokens.</param>
/// <param name="InnerWidth">The width between the two layers of a block.</param>
/// <param name="Layers">The number of blocks.</param>
/// <param name="Heads">The number of heads.</param>
/// <param name="Activation">The activation function.</param>
/// <param name="Epsilon">The epsilon of the norms.</param>
internal sealed record ClipConfig(int Width, int InnerWidth, int Layers, int Heads, Activation Activation, float Epsilon)
{
    /// <summary>Reads a configuration.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="width">The default width.</param>
    /// <param name="innerWidth">The default inner width.</param>
    /// <param name="heads">The default number of heads.</param>
    public static ClipConfig Read(NetworkConfig config, int width, int innerWidth, int heads)
    {
        var clip = new ClipConfig(
            config.Integer("hidden_size", width),
            config.Integer("intermediate_size", innerWidth),
            config.Integer("num_hidden_layers", 12),
            config.Integer("num_attention_heads", heads),
            config.Choice(
                "hidden_act", "quick_gelu", ("quick_gelu", Activation.QuickGelu), ("gelu", Activation.Gelu), ("gelu_new", Activation.GeluTanh),
                ("gelu_pytorch_tanh", Activation.GeluTanh)),
            (float)config.Number("layer_norm_eps", 1e-5));
        config.RequireDivisor("num_attention_heads", clip.Heads, "hidden_size", clip.Width);
        return clip;
    }

    /// <summary>A block: attention, then two linear layers, each added to its input (<c>CLIPEncoderLayer</c>).</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="at">The module.</param>
    /// <param name="x">The tokens.</param>
    /// <param name="isCausal">Whether a token attends to those before it only.</param>
    public Value Block(GraphBuilder graph, string at, Value x, bool isCausal)
    {
        string attention = at + ".self_attn";
        Value normal = graph.LayerNorm(at + ".layer_norm1", x, Width, Epsilon);
        Value attended = graph.Attention(
            attention,
            graph.Linear(attention + ".q_proj", normal, Width, Width),
            graph.Linear(attention + ".k_proj", normal, Width, Width),
            graph.Linear(attention + ".v_proj", normal, Width, Width),
            Heads,
            Width / Heads,
            new AttentionScores(IsCausal: isCausal));
        x = graph.Add(at, x, graph.Linear(attention + ".out_proj", attended, Width, Width));
        normal = graph.LayerNorm(at + ".layer_norm2", x, Width, Epsilon);
        Value inner = graph.Activate(at + ".mlp", graph.Linear(at + ".mlp.fc1", normal, Width, InnerWidth), Activation);
        return graph.Add(at, x, graph.Linear(at + ".mlp.fc2", inner, InnerWidth, Width));
    }
}
