using Brownian.Formats.Checkpoints;
using Brownian.Import.Configs;
using Brownian.Import.Networks;
using Brownian.Import.Networks.Unet;
using Brownian.Import.Weights;
using Brownian.Models.Facts;

namespace Brownian.Import.Folders;

/// <summary>Builds the graphs of a checkpoint's parts by the classes of their networks, and collects what is wrong with all of them.</summary>
/// <param name="graphs">How graphs are built.</param>
internal sealed class PartReader(GraphOptions graphs)
{
    // Pictures show every error of a decoder.
    private readonly GraphOptions _exact = graphs with { QuantizesLinear = false, QuantizesConvolutions = false };
    private readonly List<ImportedGraph> _built = [];
    private readonly List<string> _faults = [];
    private readonly List<string> _notes = [];

    /// <summary>The graphs.</summary>
    public IReadOnlyList<ImportedGraph> Built => _built;

    /// <summary>What is missing, wrong or not supported.</summary>
    public List<string> Faults => _faults;

    /// <summary>What is left out, one sentence each.</summary>
    public List<string> Notes => _notes;

    /// <summary>The class of the pipeline; empty for one network.</summary>
    public string Pipeline { get; init; } = "";

    /// <summary>The width of the pooled text of Stable Diffusion XL; null for others.</summary>
    public int? PooledWidth { get; init; }

    /// <summary>Whether the UNet takes the outputs of ControlNets.</summary>
    public bool TakesControlNets { get; init; }

    /// <summary>Builds the graphs of a part.</summary>
    /// <param name="part">The name of its folder in diffusers' layout; empty for a network alone.</param>
    /// <param name="config">Its configuration.</param>
    /// <param name="set">Its weights.</param>
    /// <param name="source">The name of the file, in messages.</param>
    public void Read(string part, NetworkConfig config, WeightSet set, string source)
    {
        string name = config.ClassName;
        Func<string, string[]>? names = name switch
        {
            "AutoencoderKL" => ReferenceNames.OfAutoencoder,
            "CLIPTextModel" or "CLIPTextModelWithProjection" => ReferenceNames.OfClipText,
            "T5EncoderModel" => ReferenceNames.OfT5,
            _ => null,
        };
        Read(part, config, Parameters.Of(set, source, names));
    }

    /// <summary>Builds the graphs of a part.</summary>
    /// <param name="part">The name of its folder in diffusers' layout; empty for a network alone.</param>
    /// <param name="config">Its configuration.</param>
    /// <param name="parameters">Its weights.</param>
    public void Read(string part, NetworkConfig config, Parameters parameters)
    {
        int first = _built.Count;
        string name = config.ClassName;
        switch (name)
        {
            case "UNet2DConditionModel":
                bool hasControl = part == "unet" && TakesControlNets;
                if (hasControl && config.Integer("in_channels", 4) is not (4 or 9) and var channels)
                {
                    _faults.Add($"{config.Source}: ControlNets are for UNets of Stable Diffusion with 4 or 9 channels; this one has {channels}");
                }
                // Karlo's decoder takes the mask of the text, no other UNet does.
                var inputs = new UnetInputs(HasTextMask: part == "decoder", HasControl: hasControl, PooledWidth: PooledWidth);
                Add(part, Unet2DCondition.Build(config, parameters, graphs, inputs));
                break;
            case "UNet2DModel":
                Add(part, Unet2D.Build(config, parameters, graphs));
                break;
            case "AutoencoderKL":
                bool fits = AutoencoderKl.FitsFloat16(config);
                if (graphs.UsesFloat16 && !fits)
                {
                    _notes.Add("the autoencoder stays in float32: its values can exceed the range of float16");
                }
                var autoencoder = new AutoencoderKl(config, parameters, fits ? _exact : _exact with { UsesFloat16 = false });
                Add("vae_encoder", autoencoder.BuildEncoder());
                Add("vae_decoder", autoencoder.BuildDecoder());
                break;
            case "AutoencoderTiny":
                Add("vae_decoder", AutoencoderTiny.BuildDecoder(config, parameters, _exact));
                break;
            case "CLIPTextModel" or "CLIPTextModelWithProjection":
                Add(part, ClipText.Build(config, parameters, graphs, isProjected: name != "CLIPTextModel"));
                break;
            case "T5EncoderModel":
                // Of the pipelines only DeepFloyd IF's give the encoder a mask.
                Add(part, T5Encoder.Build(config, parameters, graphs, hasMask: Pipeline.StartsWith("IF", StringComparison.Ordinal)));
                break;
            case "CLIPVisionModelWithProjection":
                Add(part, ClipVision.Build(config, parameters, graphs));
                break;
            case "PriorTransformer":
                Add(part, PriorTransformer.Build(config, parameters, graphs), PriorTransformer.Constants);
                break;
            case "UnCLIPTextProjModel":
                Add(part, UnclipTextProjection.Build(config, parameters, graphs), UnclipTextProjection.Constants);
                break;
            case "SD3Transformer2DModel":
                Add(part, Sd3Transformer.Build(config, parameters, graphs));
                break;
            case "FluxTransformer2DModel":
                Add(part, FluxTransformer.Build(config, parameters, graphs));
                break;
            case "ControlNetModel":
                Add(part, ControlNet.Build(config, parameters, graphs, PooledWidth));
                break;
            case RrdbNet.ClassName:
                Add(part, RrdbNet.Build(config, parameters, graphs));
                break;
            case SrvggNetCompact.ClassName:
                Add(part, SrvggNetCompact.Build(config, parameters, graphs));
                break;
            default:
                _faults.Add($"{part} is {(name.Length > 0 ? "a " + name : "a network without a class")}, which is not supported");
                break;
        }
        _faults.AddRange(config.Faults.Select(fault => $"{config.Source}: {fault}"));
        if (config.Faults.Count == 0)
        {
            // Weights that do not fit a configuration that is not supported say nothing.
            _faults.AddRange(_built.Skip(first).Where(graph => graph.Graph.Faults.Count > 0)
                .Select(graph => GraphBuilder.FaultText(parameters.Source, graph.Graph.Faults)));
        }

        void Add(string folder, GraphBuilder graph, params string[] constants)
        {
            var files = new Dictionary<string, Parameter>(StringComparer.Ordinal);
            foreach (string constant in constants)
            {
                if (parameters.Find(constant) is { Shape: [_] or [1, _] } parameter)
                {
                    files[constant] = parameter;
                }
                else
                {
                    _faults.Add($"{parameters.Source} has no {constant}");
                }
            }
            _built.Add(new ImportedGraph(
                folder, graph, name == "CLIPTextModel" ? config.With(ModelFacts.NormedStates) : config.ToString(), files));
        }
    }
}
