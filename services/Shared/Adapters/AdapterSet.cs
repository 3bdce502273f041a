using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Brownian.Formats.Files;
using Brownian.Formats.Onnx;
using Brownian.Tokenizers;

namespace Brownian.Adapters;

/// <summary>
/// The adapters of a request, in its order: the changes that they make in a model's graphs, and a key that identifies the set. Immutable.
/// </summary>
public sealed class AdapterSet
{
    private const string Unet = "unet";

    /// <summary>The index of each inversion's first file in the request.</summary>
    private readonly Dictionary<TextualInversion, int> _places = new(ReferenceEqualityComparer.Instance);
    private const string SecondEncoder = "text_encoder_2";
    private const string EncoderPrefix = "text_encoder";

    /// <param name="loras">The LoRAs.</param>
    /// <param name="inversions">The textual inversions.</param>
    /// <exception cref="ArgumentOutOfRangeException">A weight is not finite.</exception>
    /// <exception cref="ModelException">
    /// Two textual inversions have the same token, or the tokens of one's further vectors equal the other's.
    /// </exception>
    public AdapterSet(IReadOnlyList<LoraUse> loras, IReadOnlyList<TextualInversion> inversions)
    {
        foreach (LoraUse use in loras)
        {
            if (!double.IsFinite(use.Weight))
            {
                throw new ArgumentOutOfRangeException(nameof(loras), use.Weight, $"The weight of {use.File.Name} is not finite");
            }
        }
        Loras = [.. loras];
        Inversions = inversions = Joined(inversions);
        Tokens = [.. inversions.Select(inversion => new PromptToken(inversion.Token, inversion.Count))];
        var known = new Dictionary<string, TextualInversion>(StringComparer.OrdinalIgnoreCase);
        foreach (TextualInversion inversion in inversions)
        {
            foreach (string token in new PromptToken(inversion.Token, inversion.Count).Names)
            {
                if (!known.TryAdd(token, inversion))
                {
                    throw new ModelException(
                        $"{known[token].Name} and {inversion.Name} both have the token \"{token}\"; tokens that differ only in case are the same");
                }
            }
        }
        Key = Hash(null);
    }

    /// <summary>The LoRAs.</summary>
    public IReadOnlyList<LoraUse> Loras { get; }

    /// <summary>The textual inversions.</summary>
    public IReadOnlyList<TextualInversion> Inversions { get; }

    /// <summary>The tokens to add to each tokenizer with <see cref="ClipTokenizer.WithTokens"/>.</summary>
    public IReadOnlyList<PromptToken> Tokens { get; }

    /// <summary>SHA-256 over the files' bytes, weights and tokens, in order; lower-case hexadecimal.</summary>
    public string Key { get; }

    /// <summary>
    /// Returns a SHA-256 over the changes of one graph: files' bytes and weights, in order; lower-case hexadecimal. Sets with the same key for a
    /// graph change it in the same way, independent of their other adapters. Null when the graph is not changed.
    /// </summary>
    /// <param name="part">The graph's folder, for example <c>unet</c>.</param>
    public string? KeyOf(string part) => Changing(part).Any() || IsEncoder(part) && Inversions.Count > 0 ? Hash(part) : null;

    /// <summary>Checks that all adapters of the set fit a model. Weights of 0 are checked like any other.</summary>
    /// <param name="parts">The model's UNet and text encoders by the names of their folders.</param>
    /// <exception cref="ModelException">
    /// An adapter has modules that the model does not have, or is for another model or for other sizes. The message names the file and the first
    /// modules.
    /// </exception>
    public void Check(IReadOnlyDictionary<string, GraphSignature> parts)
    {
        foreach (LoraFile lora in Loras.Select(use => use.File))
        {
            LoraModule[] unknown = [.. lora.Modules.Where(module => Find(parts, module) is null)];
            if (unknown.Length > 0)
            {
                string mismatch = Mismatch(lora, parts);
                throw new ModelException(
                    $"{lora.Name} has {unknown.Length} of {lora.Modules.Count} modules that the model does not have{mismatch}: "
                    // The model that it is for says enough.
                    + LoraFile.List([.. unknown.Select(module => module.ToString())], mismatch.Length > 0 ? 1 : LoraFile.Listed));
            }
            string[] obstacles = [.. lora.Modules.Select(module => Obstacle(module, Find(parts, module)!) is { } obstacle
                ? $"in {parts[module.Part].Graph} the module {Find(parts, module)!.Module} {obstacle}"
                : null).OfType<string>()];
            if (obstacles.Length > 0)
            {
                throw new ModelException($"{lora.Name} cannot be applied: {LoraFile.List(obstacles)}");
            }
            string[] sizes = [.. lora.Modules.Select(module => OtherSize(module, Find(parts, module)!)).OfType<string>()];
            if (sizes.Length > 0)
            {
                throw new ModelException($"{lora.Name} is for a model of other sizes{Mismatch(lora, parts)}: {LoraFile.List(sizes, 1)}");
            }
        }
        KeyValuePair<string, GraphSignature>[] encoders = [.. parts.Where(part => IsEncoder(part.Key))];
        foreach (TextualInversion inversion in Inversions)
        {
            if (encoders.Length == 0)
            {
                throw new ModelException($"{inversion.Name} is a textual inversion, and the model has no text encoder that takes one");
            }
            if (inversion.IsForTwoEncoders != encoders.Length > 1)
            {
                throw new ModelException(
                    $"{inversion.Name} has vectors for "
                        + $"{(inversion.IsForTwoEncoders ? "two text encoders" : "one text encoder")}, and the model has {encoders.Length}"
                    + (inversion.IsForTwoEncoders ? "" : "; give the file for the other one too, with the same token"));
            }
            foreach ((string part, GraphSignature graph) in encoders)
            {
                CheckTable(inversion, part, graph);
            }
        }
    }

    /// <summary>Checks each adapter separately against a model.</summary>
    /// <param name="parts">See the other overload.</param>
    /// <param name="faults">Receives the faults of <c>loras[i]</c> and <c>textual_inversions[i]</c>.</param>
    public void Check(IReadOnlyDictionary<string, GraphSignature> parts, List<FieldFault> faults)
    {
        foreach ((string field, AdapterSet one) in ((string, AdapterSet)[])
            [
                .. Loras.Select((lora, i) => ($"loras[{i}]", new AdapterSet([lora], []))),
                // The message names all files of a joined inversion; the index is that of the first file.
                .. Inversions.Select(inversion => ($"textual_inversions[{_places[inversion]}]", new AdapterSet([], [inversion]))),
            ])
        {
            try
            {
                one.Check(parts);
            }
            catch (ModelException exception)
            {
                faults.Add(new FieldFault(field, exception.Message));
            }
        }
    }

    /// <summary>
    /// Returns a graph with the set's changes. LoRAs are applied in order, each to the weights that the ones before it left. Vectors are appended in
    /// order to the table of token embeddings.
    /// </summary>
    /// <param name="part">The graph's folder. <see cref="KeyOf"/> must not be null for it.</param>
    /// <param name="weights">The graph's weights.</param>
    /// <returns>
    /// The graph for a session. The caller disposes it after the session was created. It uses as much memory as the file, plus the merged external
    /// data; more than 512 MiB of that are stored in a file in the temporary folder.
    /// </returns>
    /// <exception cref="ModelException">The set does not fit the graph, or the graph's file is damaged.</exception>
    public PatchedGraph Patch(string part, GraphWeights weights) => Patch(part, weights, GraphPatch.DefaultInlineLimit);

    internal PatchedGraph Patch(string part, GraphWeights weights, long inlineLimit)
    {
        var patch = new GraphPatch(weights.Structure);
        var changes = new Dictionary<string, (OnnxInitializer Initializer, List<Action<float[]>> Changes)>(StringComparer.Ordinal);
        foreach (LoraUse use in Changing(part))
        {
            foreach (LoraModule module in use.File.Modules.Where(module => module.Part == part))
            {
                if (weights.Signature.Find(module.Name, module.IsFlat) is not { } size || OtherSize(module, size) is not null
                    || Obstacle(module, size) is not null)
                {
                    throw new ModelException($"{use.File.Name} does not fit {weights.FilePath}: {module}");
                }
                ModuleWeight weight = weights.Modules[size.Module];
                if (module.Columns > 0)
                {
                    Add(weights.Initializer(weight), values => use.File.ChangeWeight(module, values, weight.IsTransposed, use.Weight));
                }
                if (module.ChangesBias)
                {
                    Add(weights.Bias(weight), values => use.File.ChangeBias(module, values, use.Weight));
                }
            }
        }
        foreach ((OnnxInitializer initializer, List<Action<float[]>> added) in changes.Values)
        {
            patch.Change(initializer, initializer.Shape, values => added.ForEach(change => change(values)));
        }
        if (IsEncoder(part) && Inversions.Count > 0)
        {
            foreach (TextualInversion inversion in Inversions)
            {
                CheckTable(inversion, part, weights.Signature);
            }
            OnnxInitializer table = weights.Table!;
            patch.Change(table, [table.Shape[0] + Inversions.Sum(inversion => inversion.Count), table.Shape[1]], values =>
            {
                int at = (int)table.Count;
                foreach (TextualInversion inversion in Inversions)
                {
                    float[] vectors = inversion.Vectors(part == SecondEncoder, (int)table.Shape[1]);
                    vectors.CopyTo(values, at);
                    at += vectors.Length;
                }
            });
        }
        return patch.Write(inlineLimit);

        void Add(OnnxInitializer initializer, Action<float[]> change)
        {
            if (!changes.TryGetValue(initializer.Name, out (OnnxInitializer Initializer, List<Action<float[]>> Changes) known))
            {
                changes.Add(initializer.Name, known = (initializer, []));
            }
            known.Changes.Add(change);
        }
    }

    /// <summary>
    /// Joins two files of one encoder each with the same token to one inversion for two encoders, at the position of its first file.
    /// </summary>
    private TextualInversion[] Joined(IReadOnlyList<TextualInversion> inversions)
    {
        var joined = new List<TextualInversion>();
        for (int i = 0; i < inversions.Count; i++)
        {
            TextualInversion inversion = inversions[i];
            int first = joined.FindIndex(known => !known.IsForTwoEncoders && !inversion.IsForTwoEncoders
                && known.Token == inversion.Token && known.Sha256 != inversion.Sha256 && known.Width != inversion.Width);
            if (first < 0)
            {
                joined.Add(inversion);
                _places[inversion] = i;
                continue;
            }
            int place = _places[joined[first]];
            joined[first] = joined[first].Join(inversion);
            _places[joined[first]] = place;
        }
        return [.. joined];
    }

    private static bool IsEncoder(string part) => part.StartsWith(EncoderPrefix, StringComparison.Ordinal);

    private static ModuleSize? Find(IReadOnlyDictionary<string, GraphSignature> parts, LoraModule module) =>
        parts.TryGetValue(module.Part, out GraphSignature? graph) ? graph.Find(module.Name, module.IsFlat) : null;

    /// <summary>Returns the sizes of an adapter's module and of the model's when they differ, or null.</summary>
    private static string? OtherSize(LoraModule module, ModuleSize size)
    {
        if (size.Rows != module.Rows || module.Columns > 0 && size.Columns != module.Columns)
        {
            return module.Columns > 0
                ? $"its {module} takes {module.Columns} values to {module.Rows}, the model's {size.Columns} to {size.Rows}"
                : $"its {module} has a bias of {module.Rows} values, the model's {size.Rows}";
        }
        return module.Magnitude?.Inputs is { } inputs && size.Inputs is { } own && own != inputs
            ? $"its {module} has a dora_scale of {inputs} inputs, the model's module has {own}"
            : null;
    }

    /// <summary>Returns the reason why a module of the model cannot be changed by one of an adapter, or null.</summary>
    private static string? Obstacle(LoraModule module, ModuleSize size) =>
        size.Obstacle ?? (module.ChangesBias && !size.HasBias ? "has no bias of its own, and the file changes it" : null);

    private static void CheckTable(TextualInversion inversion, string part, GraphSignature graph)
    {
        if (graph.TokenObstacle is { } obstacle)
        {
            throw new ModelException($"{inversion.Name} cannot be applied to {graph.Graph}: {obstacle}");
        }
        int width = graph.TokenWidth!.Value, given = inversion.Vectors(part == SecondEncoder, width).Length / inversion.Count;
        if (given != width)
        {
            throw new ModelException(
                $"{inversion.Name} is for another model: its vectors have {given} values, those of the model's {part} have {width}");
        }
    }

    /// <summary>Returns the names of the models that the LoRA and the graphs belong to, when they are known and differ.</summary>
    private static string Mismatch(LoraFile lora, IReadOnlyDictionary<string, GraphSignature> parts)
    {
        string? own = parts.TryGetValue(Unet, out GraphSignature? unet) ? LoraArchitecture.Of(unet) : null;
        return lora.Architecture is not { } made || made == own ? ""
            : own is null ? $"; it is for {made}"
            : $"; it is for {made}, the model is {own}";
    }

    private IEnumerable<LoraUse> Changing(string part) => Loras.Where(use => use.Weight != 0 && use.File.Modules.Any(module => module.Part == part));

    private string Hash(string? part)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> number = stackalloc byte[sizeof(double)];
        foreach (LoraUse use in part is null ? Loras : Changing(part))
        {
            hash.AppendData("lora"u8);
            hash.AppendData(Convert.FromHexString(use.File.Sha256));
            BinaryPrimitives.WriteDoubleLittleEndian(number, use.Weight);
            hash.AppendData(number);
        }
        foreach (TextualInversion inversion in part is null || IsEncoder(part) ? Inversions : [])
        {
            hash.AppendData("text"u8);
            hash.AppendData(Convert.FromHexString(inversion.Sha256));
            if (part is null)
            {
                byte[] token = Encoding.UTF8.GetBytes(inversion.Token);
                BinaryPrimitives.WriteInt64LittleEndian(number, token.Length);
                hash.AppendData(number);
                hash.AppendData(token);
            }
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
