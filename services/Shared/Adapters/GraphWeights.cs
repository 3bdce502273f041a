using System.Text.RegularExpressions;
using Brownian.Formats.Files;
using Brownian.Formats.Onnx;
using Brownian.Formats.Tensors;

namespace Brownian.Adapters;

/// <summary>
/// Maps the weights of an ONNX file to modules. Exporters preserve some names and lose others: a weight is found by its own name, otherwise by the
/// name of the node that uses it (TorchScript), or by the scopes recorded for the node (the newer exporter). Contains no weights; immutable.
/// </summary>
public sealed partial class GraphWeights
{
    private const string WeightSuffix = ".weight";

    /// <summary>The maximum number of elements of a weight. Their bytes must fit into an array, with space for further rows.</summary>
    private const long MaxWeight = 500_000_000;

    private const string TokenTable = "embeddings.token_embedding";

    private readonly Dictionary<string, ModuleWeight> _modules = new(StringComparer.Ordinal);
    private readonly ILookup<string, OnnxNode> _users;
    private readonly Dictionary<string, OnnxInitializer> _initializers = new(StringComparer.Ordinal);

    private GraphWeights(OnnxStructure structure)
    {
        Structure = structure;
        _users = structure.Nodes
            .SelectMany(node => node.Inputs.Distinct(StringComparer.Ordinal).Select(input => (input, node)))
            .ToLookup(pair => pair.input, pair => pair.node, StringComparer.Ordinal);
        foreach (OnnxInitializer initializer in structure.Initializers)
        {
            if (!_initializers.TryAdd(initializer.Name, initializer))
            {
                throw new ModelException($"{structure.File} is not an ONNX model: it has two weights of the name \"{initializer.Name}\"");
            }
        }
        foreach (OnnxInitializer initializer in structure.Initializers)
        {
            Place(initializer);
        }
        Signature = new GraphSignature(
            structure.File,
            [.. _modules.Values.Select(module => new ModuleSize(
                module.Module, module.Rows, module.Columns, module.Obstacle, module.Inputs, module.Bias is not null))],
            TableObstacle is null ? (int)Table!.Shape[1] : null,
            TableObstacle);
    }

    /// <summary>The graph's file.</summary>
    public string FilePath => Structure.File;

    /// <summary>The modules whose weights were found, by their names.</summary>
    public IReadOnlyDictionary<string, ModuleWeight> Modules => _modules;

    /// <summary>The rows and the width of the table of token embeddings, or null when the graph has none.</summary>
    public (int Rows, int Width)? TokenEmbeddings =>
        Table is { Shape: [var rows, var width] } && rows <= int.MaxValue && width <= int.MaxValue ? ((int)rows, (int)width) : null;

    /// <summary>The signature that adapters are compared with.</summary>
    public GraphSignature Signature { get; }

    internal OnnxStructure Structure { get; }

    /// <summary>The initializer of the table of token embeddings, or null.</summary>
    internal OnnxInitializer? Table { get; private set; }

    /// <summary>The reason why the table cannot be extended, or null.</summary>
    private string? TableObstacle =>
        Table is null ? "it has no table of token embeddings"
        : Structure.Inputs.Any(input => input.Name == Table.Name) ? $"the table {Table.Name} is also an input of the graph, which fixes its size"
        : Structure.OuterUses.Contains(Table.Name) || _users[Table.Name].Any(node => node.Operator != "Gather")
        ? $"the table {Table.Name} has another use in the graph"
        : Table.Count > MaxWeight ? $"the table {Table.Name} has {Table.Count} elements; at most {MaxWeight} are supported"
        : Table.ElementBytes is null ? $"the table {Table.Name} is of element type {Table.Type}, not float32, float16 or bfloat16"
        : null;

    /// <summary>Reads the structure of a file's weights. Does not read the weights or external data.</summary>
    /// <param name="file">The <c>.onnx</c> file.</param>
    /// <exception cref="ModelException">The file cannot be read, or is not an ONNX model.</exception>
    public static GraphWeights Read(string file) => new(OnnxStructure.Read(file));

    /// <summary>Returns the weight of a module; see <see cref="GraphSignature.Find"/>.</summary>
    public ModuleWeight? Find(string name, bool isFlat) =>
        Signature.Find(name, isFlat) is { } size ? _modules[size.Module] with { Obstacle = size.Obstacle } : null;

    internal OnnxInitializer Initializer(ModuleWeight weight) => _initializers[weight.Initializer];

    internal OnnxInitializer Bias(ModuleWeight weight) => _initializers[weight.Bias!];

    private void Place(OnnxInitializer initializer)
    {
        if (initializer.Shape.Count < 2)
        {
            return;
        }
        string? own = initializer.Name.EndsWith(WeightSuffix, StringComparison.Ordinal) && !initializer.Name.Contains("::", StringComparison.Ordinal)
            ? initializer.Name[..^WeightSuffix.Length]
            : null;
        var uses = new List<(bool IsTransposed, OnnxNode Node)>();
        bool isTable = false, isOther = Structure.OuterUses.Contains(initializer.Name);
        foreach (OnnxNode node in _users[initializer.Name])
        {
            if (node.Operator == "Gather" && node.Inputs[0] == initializer.Name)
            {
                isTable |= ModuleNames.Canonical(own ?? ModuleOf(node) ?? "") == TokenTable;
            }
            else if (!TryFollow(initializer, node, uses))
            {
                isOther = true;
            }
        }
        if (isTable)
        {
            Table = initializer;
        }
        if (uses.Count == 0)
        {
            return;
        }
        // Nodes without a module's name are treated as different modules.
        string?[] users = [.. uses.Select(use => ModuleOf(use.Node) is { } user ? ModuleNames.Canonical(user) : null)];
        bool isShared = isOther || uses.Count > 1 && (users.Contains(null) || users.Distinct(StringComparer.Ordinal).Count() > 1);
        IEnumerable<string> modules = own is null || isShared ? users.OfType<string>() : [];
        modules = own is null ? modules : modules.Prepend(ModuleNames.Canonical(own));
        bool isTransposed = uses[0].IsTransposed;
        string? obstacle =
            isShared || uses.Exists(use => use.IsTransposed != isTransposed) ? $"shares its weight {initializer.Name} with another module"
            : initializer.ElementBytes is null ? $"has a weight of element type {initializer.Type}, not float32, float16 or bfloat16"
            : initializer.Count > MaxWeight ? $"has a weight of {initializer.Count} elements; at most {MaxWeight} are supported"
            : null;
        long first = initializer.Shape[0], rest = ElementCount.Of(initializer.Shape.Skip(1)) ?? 0;
        foreach (string module in modules.Distinct(StringComparer.Ordinal))
        {
            var weight = new ModuleWeight(
                module, initializer.Name, isTransposed ? rest : first, isTransposed ? first : rest, isTransposed, obstacle,
                initializer.Shape[isTransposed ? 0 : 1], FindBias([.. uses.Select(use => use.Node)], isTransposed ? rest : first));
            if (!_modules.TryAdd(module, weight))
            {
                _modules[module] = weight with { Obstacle = "has two weights in the graph" };
            }
        }
    }

    /// <summary>Returns the name of the bias that all nodes of a module add, and no other node uses; null when there is none.</summary>
    private string? FindBias(OnnxNode[] nodes, long rows)
    {
        string?[] names = [.. nodes.Select(FindBias).Distinct()];
        return names is [{ } name] && _initializers.TryGetValue(name, out OnnxInitializer? bias) && bias.ElementBytes is not null
            && bias.Shape is [var length] && length == rows && !Structure.OuterUses.Contains(name) && _users[name].Count() == nodes.Length
            ? name
            : null;
    }

    /// <summary>Returns the name of what a node adds to its products, or what the only node behind it adds; null when there is none.</summary>
    private string? FindBias(OnnxNode node)
    {
        if (node.Operator is "Conv" or "Gemm")
        {
            return node.Inputs.Count > 2 ? node.Inputs[2] : null;
        }
        return node.Outputs is [var product] && !Structure.OuterUses.Contains(product)
            && _users[product].ToArray() is [{ Operator: "Add", Inputs: [var left, var right] }]
            ? left == product ? right : left
            : null;
    }

    /// <summary>Follows a weight to the node that multiplies by it. In between it may be transposed, cast or passed on.</summary>
    private bool TryFollow(OnnxInitializer initializer, OnnxNode user, List<(bool IsTransposed, OnnxNode Node)> uses)
    {
        string name = initializer.Name;
        bool isTransposed = false;
        OnnxNode node = user;
        for (int steps = 0; node.Operator is "Transpose" or "Cast" or "Identity"; steps++)
        {
            if (node.Operator == "Transpose")
            {
                if (initializer.Shape.Count != 2 || node.Permutation is not ([] or [1, 0]))
                {
                    return false;
                }
                isTransposed = !isTransposed;
            }
            name = node.Outputs.Count == 1 ? node.Outputs[0] : "";
            if (steps == 4 || Structure.OuterUses.Contains(name) || _users[name].ToArray() is not [var next])
            {
                return false;
            }
            node = next;
        }
        if (node.Inputs.Count < 2 || node.Inputs[1] != name || node.Inputs[0] == name)
        {
            return false;
        }
        switch (node.Operator)
        {
            case "MatMul" when initializer.Shape.Count == 2:
                uses.Add((!isTransposed, node));
                return true;
            case "Gemm" or "FusedMatMul" when initializer.Shape.Count == 2:
                uses.Add((isTransposed == node.TransposesB, node));
                return true;
            case "Conv" or "MatMulNBits" when !isTransposed:
                uses.Add((false, node));
                return true;
            case "MatMulIntegerToFloat" when initializer.Shape.Count == 2 && !isTransposed:
                uses.Add((true, node));
                return true;
            default:
                return false;
        }
    }

    /// <summary>Returns the module that a node was exported from, or null.</summary>
    private static string? ModuleOf(OnnxNode node)
    {
        if (node.Scopes is { } scopes)
        {
            // The text of a Python list: from the outermost module to the innermost one, then the node.
            string[] names = [.. Quoted().Matches(scopes).Select(match => match.Groups[1].Value)];
            return names.Length >= 2 && names[^2].Length > 0 ? names[^2] : null;
        }
        int last = node.Name.LastIndexOf('/');
        return node.Name.StartsWith('/') && last > 0 ? node.Name[1..last].Replace('/', '.') : null;
    }

    [GeneratedRegex("""['"]([^'"]*)['"]""")]
    private static partial Regex Quoted();
}
