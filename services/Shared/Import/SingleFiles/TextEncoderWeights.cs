using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Brownian.Formats.Checkpoints;
using Brownian.Import.Weights;

namespace Brownian.Import.SingleFiles;

/// <summary>
/// A text encoder in a file, told by the names of its tensors, as in <c>detect_te_model</c> of ComfyUI's <c>comfy/sd.py</c>. The names are
/// transformers', OpenCLIP's or, for T5 in GGUF, llama.cpp's.
/// </summary>
internal sealed partial class TextEncoderWeights
{
    /// <summary>A layer that only OpenCLIP's encoders are deep enough for.</summary>
    private const int DeepLayer = 22;

    /// <summary>The prefixes of encoders in files of Stable Diffusion 3 and of ComfyUI; the last one is that of files with one encoder.</summary>
    private static readonly (string Prefix, TextEncoderKind? Kind)[] Prefixes =
    [
        ("text_encoders.clip_l.transformer.", TextEncoderKind.Clip),
        ("text_encoders.clip_g.transformer.", TextEncoderKind.OpenClip),
        ("text_encoders.t5xxl.transformer.", TextEncoderKind.T5),
        ("", null),
    ];

    private readonly WeightSet _set;
    private readonly string _prefix;
    private readonly Form _form;

    private TextEncoderWeights(WeightSet set, string prefix, Form form, TextEncoderKind kind) =>
        (_set, _prefix, _form, Kind) = (set, prefix, form, kind);

    private enum Form
    {
        Transformers,
        OpenClip,
        Ggml,
    }

    /// <summary>The kind.</summary>
    public TextEncoderKind Kind { get; }

    /// <summary>The name of the file, in messages.</summary>
    public string Source => _set.Name;

    /// <summary>The number of tokens, and the width of the states.</summary>
    public (int Tokens, int Width) Table
    {
        get
        {
            Parameter? table = Parameters().Find(Kind == TextEncoderKind.T5 ? "shared.weight" : "text_model.embeddings.token_embedding.weight");
            return table is { Shape: [var tokens, var width] } ? (tokens, width) : (0, 0);
        }
    }

    /// <summary>Finds the encoders of a file.</summary>
    public static IEnumerable<TextEncoderWeights> FindAll(WeightSet set) => Prefixes
        .Select(place => Find(set, place.Prefix, place.Kind)).OfType<TextEncoderWeights>();

    /// <summary>Finds an encoder by the beginning of the names of its weights; null when there is none.</summary>
    /// <param name="set">The file.</param>
    /// <param name="prefix">The beginning of the names.</param>
    /// <param name="kind">The kind of an encoder in transformers' names; null when its depth tells it.</param>
    public static TextEncoderWeights? Find(WeightSet set, string prefix, TextEncoderKind? kind)
    {
        var shapes = new StoredShapes(set);
        if (shapes.Has(prefix + "encoder.block.0.layer."))
        {
            return new TextEncoderWeights(set, prefix, Form.Transformers, TextEncoderKind.T5);
        }
        if (shapes.Has(prefix + "enc.blk.0."))
        {
            return new TextEncoderWeights(set, prefix, Form.Ggml, TextEncoderKind.T5);
        }
        if (shapes.Has(prefix + "transformer.resblocks.0."))
        {
            return new TextEncoderWeights(set, prefix, Form.OpenClip, TextEncoderKind.OpenClip);
        }
        // Older and the newest files lack the prefix of the text model.
        string[] layers = [prefix + "text_model.encoder.layers.", prefix + "encoder.layers."];
        return !layers.Any(list => shapes.Has(list + "0.")) ? null
            : new TextEncoderWeights(
                set, prefix, Form.Transformers,
                kind ?? (layers.Any(list => shapes.Has($"{list}{DeepLayer}.")) ? TextEncoderKind.OpenClip : TextEncoderKind.Clip));
    }

    /// <summary>Returns the configuration that follows from the shapes.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="isProjected">
    /// Whether the projection of an OpenCLIP encoder is used. When it is not, the last layer in OpenCLIP's names is not used either: the second
    /// Stable Diffusion uses the last but one.
    /// </param>
    public JsonObject Config(TextEncoderKind kind, bool isProjected)
    {
        var derived = new DerivedConfigs(_set);
        if (kind == TextEncoderKind.T5)
        {
            return derived.OfT5(name => _prefix + T5Name(name));
        }
        if (_form == Form.OpenClip)
        {
            return derived.OfOpenClip(_prefix, isProjected);
        }
        string model = _prefix + "text_model.";
        model = new StoredShapes(_set).Has(model) ? model : _prefix;
        return kind == TextEncoderKind.OpenClip
            ? derived.OfConvertedOpenClip(model, isProjected ? _prefix + "text_projection.weight" : null)
            : derived.OfClip(model);
    }

    /// <summary>Returns the weights by their names in transformers.</summary>
    public Parameters Parameters()
    {
        return _form == Form.OpenClip ? new Parameters(_set.Name, name => OpenClipNames.Find(_set, _prefix, name))
            : Weights.Parameters.Of(_set, _set.Name, name => [.. Names(name).Select(stored => _prefix + stored)]);

        string[] Names(string name) => Kind == TextEncoderKind.T5 ? _form == Form.Ggml ? [T5Name(name)] : ReferenceNames.OfT5(name)
            : ReferenceNames.OfClipText(name);
    }

    /// <summary>Returns the name of a weight of T5, as <c>T5_SD_MAP</c> of ComfyUI-GGUF's <c>loader.py</c> has llama.cpp's.</summary>
    private string T5Name(string name)
    {
        if (_form != Form.Ggml)
        {
            return name == "shared.weight" && !_set.Tensors.ContainsKey(_prefix + name) ? ReferenceNames.OfT5(name)[^1] : name;
        }
        return name switch
        {
            "shared.weight" => "token_embd.weight",
            "encoder.final_layer_norm.weight" => "enc.output_norm.weight",
            _ when T5Block().Match(name) is { Success: true } block => $"enc.blk.{block.Groups[1].Value}." + block.Groups[2].Value switch
            {
                "0.SelfAttention.relative_attention_bias" => "attn_rel_b",
                "0.layer_norm" => "attn_norm",
                "1.DenseReluDense.wi_0" => "ffn_gate",
                "1.DenseReluDense.wi_1" => "ffn_up",
                "1.DenseReluDense.wo" => "ffn_down",
                "1.layer_norm" => "ffn_norm",
                var module => "attn_" + module[(module.LastIndexOf('.') + 1)..],
            } + ".weight",
            _ => name,
        };
    }

    [GeneratedRegex(@"^encoder\.block\.(\d{1,4})\.layer\.(.+)\.weight$")]
    private static partial Regex T5Block();
}
