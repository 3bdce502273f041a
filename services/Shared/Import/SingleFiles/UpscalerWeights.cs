using System.Text.Json.Nodes;
using Brownian.Formats.Checkpoints;
using Brownian.Formats.Files;
using Brownian.Import.Networks;
using Brownian.Import.Weights;
using Brownian.Models.Facts;

namespace Brownian.Import.SingleFiles;

/// <summary>
/// The weights of a convolutional upscaler in a single file: an <see cref="RrdbNet"/> or a <see cref="SrvggNetCompact"/>, told by the names of the
/// tensors. What follows from the shapes is that of <c>architectures/ESRGAN</c> and <c>architectures/Compact</c> of spandrel.
/// </summary>
internal sealed class UpscalerWeights
{
    /// <summary>The dictionary of the averaged weights in files of BasicSR's and Real-ESRGAN's trainers.</summary>
    public const string Averages = "params_ema.";

    /// <summary>The dictionary of the weights of the last step in such files.</summary>
    public const string Last = "params.";

    /// <summary>The largest number of blocks or layers, so that a made-up file makes no graph without end.</summary>
    private const int MaxLayers = 1000;

    private const int Channels = 3, MaxScale = ImageUpscalerConfig.MaxScale;

    /// <summary>The largest number of upsamplings: one of 16 times behind a pixel unshuffle by 4.</summary>
    private const int MaxUps = 6;

    private readonly WeightSet _set;
    private readonly RrdbNames? _names;

    private UpscalerWeights(WeightSet set, string prefix, RrdbNames? names) => (_set, Prefix, _names) = (set, prefix, names);

    /// <summary>What the names of the tensors begin with in the file.</summary>
    public string Prefix { get; }

    /// <summary>The class of the network.</summary>
    public string ClassName => _names is null ? SrvggNetCompact.ClassName : RrdbNet.ClassName;

    /// <summary>
    /// Finds an upscaler in a file: in <see cref="Averages"/>, as Real-ESRGAN's program prefers it, in <see cref="Last"/>, or in the file itself,
    /// with or without the name that PyTorch's <c>DataParallel</c> adds.
    /// </summary>
    /// <param name="set">The file.</param>
    /// <returns>The upscaler; null when the file is none.</returns>
    public static UpscalerWeights? Find(WeightSet set)
    {
        foreach (string prefix in (string[])[Averages, Last, "", "module."])
        {
            RrdbNames? names = RrdbNames.Of(new Parameters(set.Name, name => Parameters.Find(set, prefix + name)));
            if (names is not null || IsSrvgg(set, prefix))
            {
                return new UpscalerWeights(set, prefix, names);
            }
        }
        return null;
    }

    /// <summary>Returns whether a list <c>body</c> consists of convolutions, with or without weights of activations between them.</summary>
    private static bool IsSrvgg(WeightSet set, string prefix)
    {
        return Dimensions(0) == 4 && (Dimensions(1) == 1 || Dimensions(1) is null && Dimensions(2) == 4);

        int? Dimensions(int layer) => set.Tensors.GetValueOrDefault($"{prefix}body.{layer}.weight")?.Shape.Count;
    }

    /// <summary>Returns the configuration that follows from the shapes.</summary>
    /// <exception cref="ModelException">The network is not supported.</exception>
    public JsonObject Config() => _names is null ? OfSrvgg() : OfRrdb(_names);

    private JsonObject OfRrdb(RrdbNames names)
    {
        string conv = names.Conv(names.DenseBlock(0, 1), 1) + ".weight";
        if (ShapeOf(conv) is not [var growth, var features, ..])
        {
            throw Refused($"{conv} is {_set.Tensors[Prefix + conv]}; expected: 4 dimensions");
        }
        // Every residual block has dense blocks. In the oldest style the list contains the convolution behind them, too.
        int blocks = Count(names.Blocks + ".", rest => rest.Contains(".conv", StringComparison.Ordinal));
        int ups = 0;
        while (ups <= MaxUps && ShapeOf(names.Up(ups + 1) + ".weight") is not null)
        {
            ups++;
        }
        int inputs = ShapeOf(names.First + ".weight") is [_, var given, ..] ? given : Channels;
        int unshuffle = inputs switch { Channels => 1, Channels * 4 => 2, Channels * 16 => 4, _ => 0 };
        if (unshuffle == 0)
        {
            throw Refused($"{names.First}.weight is for images of {inputs} channels; supported: 3, and 12 or 48 with pixel unshuffle");
        }
        int scale = (1 << ups) / unshuffle;
        return scale is >= 1 and <= MaxScale
            ? new JsonObject
            {
                ["_class_name"] = RrdbNet.ClassName,
                ["num_in_ch"] = Channels,
                ["num_out_ch"] = Channels,
                ["num_feat"] = features,
                ["num_block"] = blocks,
                ["num_grow_ch"] = growth,
                ["scale"] = scale,
                ["multiple"] = unshuffle,
            }
            : throw Refused($"it has {ups} upsamplings behind a pixel unshuffle by {unshuffle}; supported: those that enlarge 1..{MaxScale} times");
    }

    private JsonObject OfSrvgg()
    {
        int features = ShapeOf("body.0.weight")![0], last = Count("body.", rest => rest == "weight") - 1;
        if (ShapeOf("body.1.weight") is null)
        {
            throw Refused("body.1.weight is missing, so that its activations are not PReLU, and the file does not tell which they are");
        }
        int outputs = last % 2 == 0 && ShapeOf($"body.{last}.weight") is [var rows, _, _, _] ? rows : 0;
        int scale = Enumerable.Range(1, MaxScale).FirstOrDefault(scale => Channels * scale * scale == outputs);
        if (scale == 0 || last < 4)
        {
            throw Refused(
                $"its last layer is {_set.Tensors[$"{Prefix}body.{last}.weight"]}; expected: a convolution to 3 * scale^2 channels behind two others "
                    + $"at least, with a scale of 1..{MaxScale}");
        }
        var config = new JsonObject
        {
            ["_class_name"] = SrvggNetCompact.ClassName,
            ["num_in_ch"] = Channels,
            ["num_out_ch"] = Channels,
            ["num_feat"] = features,
            ["num_conv"] = (last / 2) - 1,
            ["act_type"] = "prelu",
            ["scale"] = scale,
            ["multiple"] = 1,
        };
        // Each convolution sees a pixel farther.
        int reach = (last / 2) + 1;
        if (reach <= ImageUpscalerConfig.MaxReach)
        {
            config["receptive_field"] = reach;
        }
        return config;
    }

    private IReadOnlyList<int>? ShapeOf(string name) => _set.Tensors.GetValueOrDefault(Prefix + name)?.Shape;

    /// <summary>Returns the number of members of a list, of which some may be missing.</summary>
    /// <param name="list">What the names of its members begin with before their index.</param>
    /// <param name="isMember">Whether a name that has this behind the index is of a member.</param>
    private int Count(string list, Func<string, bool> isMember)
    {
        string start = Prefix + list;
        int most = -1;
        foreach (string name in _set.Tensors.Keys.Where(name => name.StartsWith(start, StringComparison.Ordinal)))
        {
            int end = name.IndexOf('.', start.Length);
            if (end > 0 && isMember(name[(end + 1)..])
                && int.TryParse(name.AsSpan(start.Length, end - start.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int index))
            {
                most = Math.Max(most, index);
            }
        }
        return most < MaxLayers ? most + 1 : throw Refused($"it has {list}{most}; supported: up to {list}{MaxLayers - 1}");
    }

    private ModelException Refused(string why) => new($"{_set.Name} is an upscaler of the class {ClassName} that is not supported: {why}");
}
