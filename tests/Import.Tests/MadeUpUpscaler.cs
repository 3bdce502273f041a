using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Brownian.Diffusion.Noise;
using Brownian.Formats.Tests;
using Brownian.Inference.Tests.Adapters;

namespace Brownian.Import.Tests;

/// <summary>Made-up weights of upscalers, in BasicSR's names, and files with them in any names.</summary>
internal sealed partial class MadeUpUpscaler
{
    private readonly TorchCpuGenerator _generator;
    private readonly float[] _noise = new float[1 << 14];

    private MadeUpUpscaler(ulong seed)
    {
        _generator = new TorchCpuGenerator(seed);
        _generator.FillNormal(_noise);
    }

    /// <summary>The styles of the names of an RRDB network: the first program's, the second's, BasicSR's.</summary>
    public static IReadOnlyList<string> Styles => ["old", "trunk", "basic"];

    /// <summary>The tensors, in BasicSR's names.</summary>
    public Dictionary<string, (float[] Values, int[] Shape)> Tensors { get; } = new(StringComparer.Ordinal);

    /// <summary>Makes an RRDB network.</summary>
    /// <param name="seed">The seed.</param>
    /// <param name="features">The channels.</param>
    /// <param name="growth">The channels of the inner convolutions.</param>
    /// <param name="blocks">The residual blocks.</param>
    /// <param name="ups">The upsamplings.</param>
    /// <param name="unshuffle">The factor of the pixel unshuffle; 1 for none.</param>
    /// <param name="isPlus">Whether dense blocks have 1x1 convolutions.</param>
    public static MadeUpUpscaler Rrdb(
        ulong seed, int features = 4, int growth = 3, int blocks = 1, int ups = 2, int unshuffle = 1, bool isPlus = false)
    {
        var made = new MadeUpUpscaler(seed);
        made.Conv("conv_first", 3 * unshuffle * unshuffle, features);
        for (int block = 0; block < blocks; block++)
        {
            for (int dense = 1; dense <= 3; dense++)
            {
                for (int conv = 1; conv <= 5; conv++)
                {
                    made.Conv($"body.{block}.rdb{dense}.conv{conv}", features + ((conv - 1) * growth), conv == 5 ? features : growth);
                }
                if (isPlus)
                {
                    made.Add($"body.{block}.rdb{dense}.conv1x1.weight", growth, features, 1, 1);
                }
            }
        }
        made.Conv("conv_body", features, features);
        for (int up = 1; up <= ups; up++)
        {
            made.Conv($"conv_up{up}", features, features);
        }
        made.Conv("conv_hr", features, features);
        made.Conv("conv_last", features, 3);
        return made;
    }

    /// <summary>Makes a compact network.</summary>
    /// <param name="seed">The seed.</param>
    /// <param name="features">The channels.</param>
    /// <param name="convs">The convolutions between the first and the last.</param>
    /// <param name="scale">The scale.</param>
    public static MadeUpUpscaler Compact(ulong seed, int features = 4, int convs = 2, int scale = 4)
    {
        var made = new MadeUpUpscaler(seed);
        for (int i = 0; i <= convs; i++)
        {
            made.Conv($"body.{2 * i}", i == 0 ? 3 : features, features);
            made.Add($"body.{(2 * i) + 1}.weight", features);
        }
        made.Conv($"body.{2 * (convs + 1)}", features, 3 * scale * scale);
        return made;
    }

    /// <summary>Returns the tensors of an RRDB network in the names of a style.</summary>
    /// <param name="style">One of <see cref="Styles"/>.</param>
    public IEnumerable<(string Name, float[] Values, int[] Shape)> Named(string style)
    {
        int blocks = Tensors.Keys.Count(name => name.EndsWith(".rdb1.conv1.weight", StringComparison.Ordinal));
        int ups = Tensors.Keys.Count(name => name.StartsWith("conv_up", StringComparison.Ordinal)) / 2;
        return Tensors.Select(tensor =>
        {
            int end = tensor.Key.LastIndexOf('.');
            return (Name(tensor.Key[..end]) + tensor.Key[end..], tensor.Value.Values, tensor.Value.Shape);
        });

        string Name(string module)
        {
            if (Inner().Match(module) is { Success: true } inner)
            {
                (string block, string dense, string conv) = (inner.Groups[1].Value, inner.Groups[2].Value, inner.Groups[3].Value);
                return style switch
                {
                    "old" => $"model.1.sub.{block}.RDB{dense}.{conv}{(conv == "conv1x1" ? "" : ".0")}",
                    "trunk" => $"RRDB_trunk.{block}.RDB{dense}.{conv}",
                    _ => module,
                };
            }
            return (style, module) switch
            {
                ("old", "conv_first") => "model.0",
                ("old", "conv_body") => $"model.1.sub.{blocks}",
                ("old", "conv_up1") => "model.3",
                ("old", "conv_up2") => "model.6",
                ("old", "conv_up3") => "model.9",
                ("old", "conv_hr") => ups switch { 0 => "model.2", 1 => "model.5", 2 => "model.8", _ => "model.11" },
                ("old", "conv_last") => ups switch { 0 => "model.4", 1 => "model.7", 2 => "model.10", _ => "model.13" },
                ("trunk", "conv_body") => "trunk_conv",
                ("trunk", "conv_hr") => "HRconv",
                ("trunk", _) => module.Replace("conv_up", "upconv", StringComparison.Ordinal),
                _ => module,
            };
        }
    }

    /// <summary>Writes a safetensors file.</summary>
    public static void WriteSafetensors(string file, IEnumerable<(string Name, float[] Values, int[] Shape)> tensors)
    {
        var writer = new SafetensorsWriter();
        foreach ((string name, float[] values, int[] shape) in tensors)
        {
            writer.Floats(name, values, shape);
        }
        File.WriteAllBytes(file, writer.Bytes());
    }

    /// <summary>Writes a PyTorch file, with a dictionary for each name that is given.</summary>
    /// <param name="file">The path.</param>
    /// <param name="isOld">Whether it is of PyTorch before 1.6.</param>
    /// <param name="dictionaries">The tensors by the name of their dictionary; empty for the file itself.</param>
    public static void WriteTorch(
        string file, bool isOld, params ReadOnlySpan<(string Name, IEnumerable<(string Name, float[] Values, int[] Shape)> Tensors)> dictionaries)
    {
        TorchFileWriter writer = new TorchFileWriter().Dictionary();
        int storages = 0;
        foreach ((string dictionary, IEnumerable<(string, float[], int[])> tensors) in dictionaries)
        {
            if (dictionary.Length > 0)
            {
                writer.Text(dictionary).Dictionary(isOrdered: true);
            }
            foreach ((string name, float[] values, int[] shape) in tensors)
            {
                string key = storages++.ToString(CultureInfo.InvariantCulture);
                int[] strides = [.. shape.Select((_, axis) => shape[(axis + 1)..].Aggregate(1, (product, side) => product * side))];
                writer.Storage(key, MemoryMarshal.AsBytes(values.AsSpan()).ToArray())
                    .Text(name).Tensor(key, "FloatStorage", values.Length, 0, shape, strides);
            }
            if (dictionary.Length > 0)
            {
                writer.EndDictionary();
            }
        }
        writer.EndDictionary();
        File.WriteAllBytes(file, isOld ? writer.Old(sizeof(float)) : writer.Archive());
    }

    [GeneratedRegex(@"^body\.(\d+)\.rdb(\d)\.(conv\w+)$")]
    private static partial Regex Inner();

    private void Conv(string name, int inputs, int outputs)
    {
        Add(name + ".weight", outputs, inputs, 3, 3);
        Add(name + ".bias", outputs);
    }

    private void Add(string name, params int[] shape)
    {
        float deviation = shape.Length == 1 ? 0.2f : 1 / MathF.Sqrt(shape.Skip(1).Aggregate(1f, (product, side) => product * side));
        float[] values = new float[shape.Aggregate(1, (product, side) => product * side)];
        _generator.FillNormal(_noise);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = _noise[i % _noise.Length] * deviation;
        }
        Tensors[name] = (values, shape);
    }
}
