using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Formats.Files;
using Brownian.Formats.Safetensors;
using Brownian.Formats.Tensors;

namespace Brownian.Adapters;

/// <summary>
/// A LoRA (arxiv.org/abs/2106.09685), including the convolutions of LoCon (github.com/KohakuBlueleaf/LyCORIS): two small matrices per module, whose
/// product is added to the module's weight. All of its values have been checked to be finite. Immutable.
/// </summary>
public sealed class LoraFile
{
    /// <summary>The maximum number of names in a message.</summary>
    internal const int Listed = 8;

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
            if (LoraKey.OtherKind(tensor.Name) is { } other)
            {
                throw new ModelException(
                    $"{file.Name} is of the kind {other} (\"{tensor.Name}\"), which is not supported; supported: LoRA and LoCon");
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
        return new LoraFile(
            file,
            [
                .. modules.OrderBy(entry => entry.Key.Part, StringComparer.Ordinal).ThenBy(entry => entry.Key.Module, StringComparer.Ordinal)
                    .Select(entry => Module(file, entry.Key.Part, entry.Key.Module, entry.Key.IsFlat, entry.Value, metadata)),
            ],
            styles.Max());
    }

    /// <summary>Returns the up matrix [rows, rank].</summary>
    internal float[] Up(LoraModule module) => _file.Values(module.Up);

    /// <summary>Returns the down matrix [rank, columns], multiplied by the middle kernel.</summary>
    internal float[] Down(LoraModule module)
    {
        float[] down = _file.Values(module.Down);
        if (module.Mid is null)
        {
            return down;
        }
        // LyCORIS' make_weight_cp: sum over b of mid[a, b, y, x] down[b, i].
        float[] mid = _file.Values(module.Mid);
        int rank = module.Rank, inputs = module.Down.Shape[1], kernel = module.Columns / inputs;
        float[] product = new float[rank * module.Columns];
        for (int a = 0; a < rank; a++)
        {
            for (int b = 0; b < rank; b++)
            {
                for (int i = 0; i < inputs; i++)
                {
                    for (int k = 0; k < kernel; k++)
                    {
                        product[(a * inputs + i) * kernel + k] += mid[(a * rank + b) * kernel + k] * down[b * inputs + i];
                    }
                }
            }
        }
        return product;
    }

    /// <summary>Lists the first names, and the number of the remaining ones.</summary>
    internal static string List(IReadOnlyCollection<string> names) =>
        string.Join(", ", names.Take(Listed)) + (names.Count > Listed ? $" and {names.Count - Listed} more" : "");

    private static LoraModule Module(
        SafetensorsFile file, string part, string name, bool isFlat, Dictionary<LoraRole, SafetensorsTensor> tensors, JsonObject? metadata)
    {
        ModelException Invalid(string what) => new($"{file.Name}: the module {part}: {name} {what}");
        if (!tensors.TryGetValue(LoraRole.Up, out SafetensorsTensor? up) || !tensors.TryGetValue(LoraRole.Down, out SafetensorsTensor? down))
        {
            throw Invalid($"has only {string.Join(", ", tensors.Values.Select(tensor => tensor.Name))}; a pair of up and down (B and A) is needed");
        }
        SafetensorsTensor? mid = tensors.GetValueOrDefault(LoraRole.Mid);
        bool fits = up.Shape is [> 0, > 0] or [> 0, > 0, 1, 1] && down.Shape is [> 0, > 0] or [> 0, > 0, > 0, > 0] && up.Shape[1] == down.Shape[0];
        if (!fits)
        {
            throw Invalid(
                $"has up [{string.Join(", ", up.Shape)}] and down [{string.Join(", ", down.Shape)}]; allowed: up [outputs, rank], down [rank, "
                    + $"inputs], of convolutions with the kernel's two sides behind");
        }
        int rank = down.Shape[0], columns = (int)(down.Count / rank);
        if (mid is not null)
        {
            if (mid.Shape is not [_, _, > 0, > 0] || mid.Shape[0] != rank || mid.Shape[1] != rank || down.Shape is not [_, _, 1, 1])
            {
                throw Invalid($"has mid [{string.Join(", ", mid.Shape)}]; allowed: [{rank}, {rank}, height, width], with down 1x1");
            }
            columns = ElementCount.Of((int[])[columns, mid.Shape[2], mid.Shape[3]]) is <= int.MaxValue and { } product
                ? (int)product
                : throw Invalid(
                    $"has mid [{string.Join(", ", mid.Shape)}] and down [{string.Join(", ", down.Shape)}]: more elements than a graph can hold");
        }
        double alpha = rank;
        if (tensors.TryGetValue(LoraRole.Alpha, out SafetensorsTensor? stated))
        {
            alpha = stated.Count == 1 ? file.Scalar(stated) : throw Invalid($"has an alpha of {stated.Count} values; allowed: one");
        }
        else if (metadata is not null)
        {
            alpha = AlphaOf(file.Name, metadata, part, name, rank) ?? alpha;
        }
        // Read here, so that a value that is not finite is found before anything is merged.
        file.Values(up);
        file.Values(down);
        if (mid is not null)
        {
            file.Values(mid);
        }
        return new LoraModule(part, name, isFlat, rank, alpha, up.Shape[0], columns, up, down, mid);
    }

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
                bool isSet = value is JsonValue flag && flag.GetValueKind() == JsonValueKind.True;
                if (isSet && (key.EndsWith(".use_dora", StringComparison.Ordinal) || key.EndsWith(".lora_bias", StringComparison.Ordinal)))
                {
                    throw new ModelException($"{file.Name}: {AdapterMetadata} sets {key}, which is not supported");
                }
                if (key.EndsWith(".peft_type", StringComparison.Ordinal) && value is JsonValue type && type.TryGetValue(out string? kind)
                    && kind != "LORA")
                {
                    throw new ModelException($"{file.Name} is of the kind {kind}, which is not supported; supported: LoRA and LoCon");
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
        bool isStabilised = metadata[$"{part}.use_rslora"] is JsonValue flag && flag.GetValueKind() == JsonValueKind.True;
        return isStabilised ? alpha * Math.Sqrt(rank) : alpha;
    }
}
