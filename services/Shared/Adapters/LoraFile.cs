using System.Numerics.Tensors;
using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Formats.Files;
using Brownian.Formats.Safetensors;

namespace Brownian.Adapters;

/// <summary>
/// A LoRA (arxiv.org/abs/2106.09685) or one of the adapters of LyCORIS (github.com/KohakuBlueleaf/LyCORIS): small matrices per module, which make a
/// difference that is added to the module's weight (<see cref="LoraKind"/>). DoRA decomposes the sum. All values have been checked to be finite.
/// Immutable.
/// </summary>
public sealed class LoraFile
{
    /// <summary>The maximum number of names in a message.</summary>
    internal const int Listed = 8;

    /// <summary>What can be merged, in messages.</summary>
    private const string Supported = "LoRA, LoCon, LoHa, LoKr, DoRA and full differences";

    private const string AdapterMetadata = "lora_adapter_metadata";

    private readonly SafetensorsFile _file;

    private LoraFile(SafetensorsFile file, IReadOnlyList<LoraModule> modules, LoraStyle style)
    {
        _file = file;
        Modules = modules;
        Style = style;
    }

    /// <summary>The file's name in messages.</summary>
    public string Name => _file.Name;

    /// <summary>SHA-256 of the file's bytes; lower-case hexadecimal.</summary>
    public string Sha256 => _file.Sha256;

    /// <inheritdoc cref="SafetensorsFile.IsHashed"/>
    public bool IsHashed(string digits) => _file.IsHashed(digits);

    /// <summary>The modules that it changes, ordered by the names of parts and modules; at least one.</summary>
    public IReadOnlyList<LoraModule> Modules { get; }

    /// <summary>The program whose naming scheme the modules have.</summary>
    public LoraStyle Style { get; }

    /// <summary>The model that the LoRA was trained for, as far as names and shapes allow, for example <c>Stable Diffusion XL</c>; or null.</summary>
    public string? Architecture => LoraArchitecture.Of(_file.Tensors.Values);

    /// <summary>Reads a file.</summary>
    /// <param name="file">A <c>.safetensors</c> file.</param>
    /// <param name="name">The file's name in messages; null for its own name.</param>
    /// <exception cref="ModelException">
    /// The file is damaged, is not a LoRA, or is of a kind that cannot be merged. The message states which.
    /// </exception>
    public static LoraFile Read(string file, string? name = null) => Parse(SafetensorsFile.Read(file, name));

    /// <summary>Creates a LoRA from a file's tensors.</summary>
    /// <param name="file">The file.</param>
    /// <exception cref="ModelException">The file is not a LoRA, is of a kind that cannot be merged, or has values that are not finite.</exception>
    public static LoraFile Parse(SafetensorsFile file)
    {
        var modules = new Dictionary<(string Part, string Module, bool IsFlat), Dictionary<LoraRole, SafetensorsTensor>>();
        var styles = new HashSet<LoraStyle>();
        var unknown = new List<string>();
        foreach (SafetensorsTensor tensor in file.Tensors.Values.OrderBy(tensor => tensor.Name, StringComparer.Ordinal))
        {
            if (LoraKey.OtherKind(tensor.Name, tensor.Shape.Count) is { } other)
            {
                throw new ModelException(
                    $"{file.Name} is of the kind {other} (\"{tensor.Name}\"), which is not supported; supported: {Supported}");
            }
            if (LoraKey.Parse(tensor.Name) is not { } key)
            {
                unknown.Add(tensor.Name);
                continue;
            }
            styles.Add(key.Style);
            if (!modules.TryGetValue((key.Part, key.Module, key.IsFlat), out Dictionary<LoraRole, SafetensorsTensor>? tensors))
            {
                modules.Add((key.Part, key.Module, key.IsFlat), tensors = []);
            }
            if (!tensors.TryAdd(key.Role, tensor))
            {
                throw new ModelException($"{file.Name} has two tensors for the same part: \"{tensors[key.Role].Name}\" and \"{tensor.Name}\"");
            }
        }
        if (unknown.Count > 0)
        {
            string what = LoraArchitecture.Of(file.Tensors.Values) is { } architecture
                ? $"is a LoRA for {architecture}, which is not supported"
                : "has tensors that are not those of a LoRA for Stable Diffusion";
            throw new ModelException($"{file.Name} {what}: {List(unknown)}");
        }
        if (modules.Count == 0)
        {
            throw new ModelException($"{file.Name} has no tensors");
        }
        JsonObject? metadata = ReadAdapterMetadata(file);
        var read = new List<LoraModule>();
        var faults = new List<string>();
        foreach (((string part, string name, bool isFlat), Dictionary<LoraRole, SafetensorsTensor> tensors) in modules
            .OrderBy(entry => entry.Key.Part, StringComparer.Ordinal).ThenBy(entry => entry.Key.Module, StringComparer.Ordinal))
        {
            var reader = new LoraModuleReader(file, part, name, tensors, faults);
            if (reader.Read(isFlat, rank => metadata is null ? null : AlphaOf(file.Name, metadata, part, name, rank)) is { } module)
            {
                read.Add(module);
                if (module is { Kind: LoraKind.Lora, Magnitude: null } && IsSet(metadata?[$"{part}.use_dora"]))
                {
                    faults.Add(
                        $"{file.Name}: the module {module} has no lora_magnitude_vector, and {AdapterMetadata} sets {part}.use_dora: give the whole "
                            + "file");
                }
            }
        }
        return faults.Count == 0
            ? new LoraFile(file, read, styles.Max())
            : throw new ModelException(
                string.Join("; ", faults.Take(Listed)) + (faults.Count > Listed ? $"; and {faults.Count - Listed} more faults" : ""));
    }

    /// <summary>Returns the difference of a module's weight. Reads its tensors, which the difference keeps.</summary>
    /// <param name="module">One of <see cref="Modules"/>; it changes the weight.</param>
    internal WeightDelta Delta(LoraModule module)
    {
        return module.Kind switch
        {
            LoraKind.Lora => new ProductDelta(
                Values(LoraRole.Up),
                module.Tensors.ContainsKey(LoraRole.Mid)
                    ? ProductDelta.WithKernel(Values(LoraRole.Mid), Values(LoraRole.Down), module.Rank)
                    : Values(LoraRole.Down),
                module.Rank),
            LoraKind.LoHa => new HadamardDelta(
                Product(LoraRole.HadaW1A, LoraRole.HadaW1B, LoraRole.HadaT1), Product(LoraRole.HadaW2A, LoraRole.HadaW2B, LoraRole.HadaT2)),
            LoraKind.LoKr => Kronecker(),
            _ => new FullDelta(Values(LoraRole.Diff), module.Rows),
        };

        float[] Values(LoraRole role) => _file.Values(module.Tensors[role]);

        // With a kernel, the first matrix is stored as [rank, outputs].
        ProductDelta Product(LoraRole up, LoraRole down, LoraRole? kernel) => kernel is { } role && module.Tensors.ContainsKey(role)
            ? new ProductDelta(
                ProductDelta.Transpose(Values(up), module.Rank), ProductDelta.WithKernel(Values(role), Values(down), module.Rank), module.Rank)
            : new ProductDelta(Values(up), Values(down), module.Rank);

        KroneckerDelta Kronecker()
        {
            (float[] first, int outer) = Whole(LoraRole.LokrW1, () => Product(LoraRole.LokrW1A, LoraRole.LokrW1B, null));
            (float[] second, int inner) = Whole(LoraRole.LokrW2, () => Product(LoraRole.LokrW2A, LoraRole.LokrW2B, LoraRole.LokrT2));
            return new KroneckerDelta(first, first.Length / outer, second, inner);
        }

        (float[] Values, int Rows) Whole(LoraRole role, Func<ProductDelta> product) =>
            module.Tensors.TryGetValue(role, out SafetensorsTensor? tensor) ? (_file.Values(tensor), tensor.Shape[0]) : Evaluate(product());

        static (float[] Values, int Rows) Evaluate(ProductDelta product)
        {
            float[] values = new float[product.Rows * product.Columns];
            for (int row = 0; row < product.Rows; row++)
            {
                product.Row(row, values.AsSpan(row * product.Columns, product.Columns));
            }
            return (values, product.Rows);
        }
    }

    /// <summary>Changes a module's weight.</summary>
    /// <param name="module">One of <see cref="Modules"/>; it changes the weight.</param>
    /// <param name="weight">The weight, [rows, columns], or [columns, rows] where it is transposed.</param>
    /// <param name="isTransposed">Whether it is [columns, rows].</param>
    /// <param name="strength">The weight of the adapter in the request.</param>
    internal void ChangeWeight(LoraModule module, float[] weight, bool isTransposed, double strength)
    {
        WeightDelta delta = Delta(module);
        if (module.Magnitude is { } magnitude)
        {
            LoraMerge.Decompose(
                weight, isTransposed, delta, module.Scale(1), _file.Values(magnitude.Tensor), magnitude.Inputs is not null, magnitude.Epsilon,
                (float)strength);
            return;
        }
        LoraMerge.Add(weight, isTransposed, delta, module.Scale(strength));
    }

    /// <summary>
    /// Changes a module's bias. <c>diff_b</c> has no scale (<c>lycoris/modules/full.py</c>). The bias of PEFT's second matrix has the scale of the
    /// matrices (<c>peft/tuners/lora/layer.py: merge</c>).
    /// </summary>
    /// <param name="module">One of <see cref="Modules"/>; it changes the bias.</param>
    /// <param name="bias">The bias, [rows].</param>
    /// <param name="strength">The weight of the adapter in the request.</param>
    internal void ChangeBias(LoraModule module, float[] bias, double strength)
    {
        (SafetensorsTensor difference, float scale) = module.Tensors.TryGetValue(LoraRole.DiffBias, out SafetensorsTensor? diff)
            ? (diff, (float)strength)
            : (module.Tensors[LoraRole.UpBias], module.Scale(strength));
        TensorPrimitives.MultiplyAdd(_file.Values(difference), scale, bias, bias);
    }

    /// <summary>Lists the first names, and the number of the remaining ones.</summary>
    internal static string List(IReadOnlyCollection<string> names, int listed = Listed) =>
        string.Join(", ", names.Take(listed)) + (names.Count > listed ? $" and {names.Count - listed} more" : "");

    private static bool IsSet(JsonNode? node) => node is JsonValue flag && flag.GetValueKind() == JsonValueKind.True;

    private static JsonObject? ReadAdapterMetadata(SafetensorsFile file)
    {
        if (!file.Metadata.TryGetValue(AdapterMetadata, out string? text))
        {
            return null;
        }
        try
        {
            JsonObject metadata =
                JsonNode.Parse(text) as JsonObject ?? throw new ModelException($"{file.Name}: {AdapterMetadata} is not a JSON object");
            foreach ((string key, JsonNode? value) in metadata)
            {
                if (key.EndsWith(".peft_type", StringComparison.Ordinal) && value is JsonValue type && type.TryGetValue(out string? kind)
                    && kind != "LORA")
                {
                    throw new ModelException($"{file.Name} is of the kind {kind}, which is not supported; supported: {Supported}");
                }
            }
            return metadata;
        }
        catch (Exception exception) when (exception is JsonException or ArgumentException or InvalidOperationException)
        {
            throw new ModelException($"{file.Name}: {AdapterMetadata} is not valid JSON ({exception.Message})", exception);
        }
    }

    /// <summary>
    /// Returns PEFT's alpha (<c>peft/tuners/lora/model.py</c>: that of the first pattern that the name ends with, otherwise the file's).
    /// </summary>
    private static double? AlphaOf(string file, JsonObject metadata, string part, string name, int rank)
    {
        JsonNode? node = metadata[$"{part}.lora_alpha"];
        if (metadata[$"{part}.alpha_pattern"] is JsonObject patterns)
        {
            foreach ((string pattern, JsonNode? value) in patterns)
            {
                string literal = pattern.TrimStart('^').TrimEnd('$');
                if (literal.Any(character => !char.IsAsciiLetterOrDigit(character) && character is not ('_' or '.')))
                {
                    throw new ModelException(
                        $"{file}: {AdapterMetadata} has the pattern \"{pattern}\" in {part}.alpha_pattern; only names are supported");
                }
                if (name == literal || !pattern.StartsWith('^') && name.EndsWith("." + literal, StringComparison.Ordinal))
                {
                    node = value;
                    break;
                }
            }
        }
        if (node is null)
        {
            return null;
        }
        if (node is not JsonValue number || !number.TryGetValue(out double alpha) || !double.IsFinite(alpha))
        {
            throw new ModelException($"{file}: {AdapterMetadata} has the alpha {node.ToJsonString()} for {part}: {name}; allowed: finite numbers");
        }
        return IsSet(metadata[$"{part}.use_rslora"]) ? alpha * Math.Sqrt(rank) : alpha;
    }
}
