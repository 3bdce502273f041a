using Brownian.Formats.Files;
using Brownian.Formats.Safetensors;
using Brownian.Formats.Tensors;

namespace Brownian.Adapters;

/// <summary>Checks the tensors of one module of an adapter file against each other. Reports all faults.</summary>
/// <param name="file">The file.</param>
/// <param name="part">The graph.</param>
/// <param name="name">The module's name in the file.</param>
/// <param name="tensors">The module's tensors.</param>
/// <param name="faults">Receives the faults.</param>
internal sealed class LoraModuleReader(
    SafetensorsFile file, string part, string name, IReadOnlyDictionary<LoraRole, SafetensorsTensor> tensors, List<string> faults)
{
    /// <summary>What LyCORIS adds to lengths: <c>torch.finfo(torch.float32).eps</c>.</summary>
    private const float LycorisEpsilon = 1.1920929e-7f;

    private readonly int _known = faults.Count;

    private bool IsValid => faults.Count == _known;

    /// <summary>Reads the module.</summary>
    /// <param name="isFlat">Whether the name is flattened.</param>
    /// <param name="alphaOf">Returns the alpha of the file's metadata for a LoRA of a rank, or null.</param>
    /// <returns>The module; null when there are faults.</returns>
    public LoraModule? Read(bool isFlat, Func<int, double?> alphaOf)
    {
        (LoraRole Role, LoraKind Kind)[] kinds = [.. tensors.Keys.Select(role => (role, KindOf(role))).Where(pair => pair.Item2 is not null)
            .Select(pair => (pair.role, pair.Item2!.Value))];
        (int Rows, int Columns, int Rank) size = default;
        LoraKind kind = LoraKind.Full;
        if (kinds.DistinctBy(pair => pair.Kind).Count() > 1)
        {
            Fault($"has tensors of several kinds: {Names(kinds.Select(pair => pair.Role))}; allowed: those of one");
        }
        else if (kinds.Length > 0)
        {
            kind = kinds[0].Kind;
            size = kind switch
            {
                LoraKind.Lora => OfLora(),
                LoraKind.LoHa => OfLoHa(),
                LoraKind.LoKr => OfLoKr(),
                _ => OfDifference(),
            };
        }
        else if (tensors.TryGetValue(LoraRole.DiffBias, out SafetensorsTensor? only))
        {
            size = (only.Shape is [> 0] ? only.Shape[0] : 0, 0, 0);
        }
        else
        {
            Fault($"has only {Names(tensors.Keys)}; tensors that make a difference of a weight are needed");
        }
        DoraMagnitude? magnitude = IsValid ? OfMagnitude(kind, size.Rows, size.Columns) : null;
        CheckBias(kind, size.Rows, magnitude is not null);
        double alpha = OfAlpha(kind, size.Rank, alphaOf);
        if (IsValid)
        {
            CheckValues();
        }
        return !IsValid ? null : new LoraModule(tensors)
        {
            Part = part,
            Name = name,
            IsFlat = isFlat,
            Kind = kind,
            Rank = size.Rank,
            Alpha = alpha,
            Rows = size.Rows,
            Columns = size.Columns,
            Magnitude = magnitude,
        };
    }

    private static LoraKind? KindOf(LoraRole role) => role switch
    {
        LoraRole.Up or LoraRole.Down or LoraRole.Mid => LoraKind.Lora,
        >= LoraRole.HadaW1A and <= LoraRole.HadaT2 => LoraKind.LoHa,
        >= LoraRole.LokrW1 and <= LoraRole.LokrT2 => LoraKind.LoKr,
        LoraRole.Diff => LoraKind.Full,
        _ => null,
    };

    private (int Rows, int Columns, int Rank) OfLora()
    {
        if (!tensors.TryGetValue(LoraRole.Up, out SafetensorsTensor? up) || !tensors.TryGetValue(LoraRole.Down, out SafetensorsTensor? down))
        {
            Fault($"has only {Names(tensors.Keys)}; a pair of up and down (B and A) is needed");
            return default;
        }
        if (!(up.Shape is [> 0, > 0] or [> 0, > 0, 1, 1] && down.Shape is [> 0, > 0] or [> 0, > 0, > 0, > 0] && up.Shape[1] == down.Shape[0]))
        {
            Fault(
                $"has up {Shape(up)} and down {Shape(down)}; allowed: up [outputs, rank], down [rank, inputs], of convolutions with the kernel's "
                    + "two sides behind");
            return default;
        }
        int rank = down.Shape[0], kernel = 1;
        if (tensors.TryGetValue(LoraRole.Mid, out SafetensorsTensor? mid))
        {
            if (down.Shape is [_, _, not 1, _] or [_, _, _, not 1])
            {
                Fault($"has mid, and down {Shape(down)}; allowed with mid: down [rank, inputs, 1, 1]");
            }
            kernel = Kernel(mid, rank);
        }
        return (up.Shape[0], Columns(down, rank, kernel), rank);
    }

    private (int Rows, int Columns, int Rank) OfLoHa()
    {
        bool isCp = tensors.ContainsKey(LoraRole.HadaT1) || tensors.ContainsKey(LoraRole.HadaT2);
        LoraRole[] needed = [LoraRole.HadaW1A, LoraRole.HadaW1B, LoraRole.HadaW2A, LoraRole.HadaW2B];
        if (!Require("LoHa", isCp ? [.. needed, LoraRole.HadaT1, LoraRole.HadaT2] : needed))
        {
            return default;
        }
        // The rank is that of w1_b in all programs, and one for both products in LyCORIS (lycoris/modules/loha.py).
        (int rows, int columns, int rank) =
            OfProduct(LoraRole.HadaW1A, LoraRole.HadaW1B, isCp ? LoraRole.HadaT1 : null, 0);
        (int otherRows, int otherColumns, _) = OfProduct(LoraRole.HadaW2A, LoraRole.HadaW2B, isCp ? LoraRole.HadaT2 : null, rank);
        if (IsValid && (rows, columns) != (otherRows, otherColumns))
        {
            Fault(
                $"has w1 of {columns} values to {rows} and w2 of {otherColumns} to {otherRows} ({Names(tensors.Keys)}); the products must be of one "
                    + "size");
        }
        return (rows, columns, rank);
    }

    private (int Rows, int Columns, int Rank) OfLoKr()
    {
        (int rows1, int columns1, int rank1) = OfFactor(LoraRole.LokrW1, LoraRole.LokrW1A, LoraRole.LokrW1B, null, 0);
        (int rows2, int columns2, int rank2) = OfFactor(LoraRole.LokrW2, LoraRole.LokrW2A, LoraRole.LokrW2B, LoraRole.LokrT2, rank1);
        if (IsValid && ((long)rows1 * rows2 > int.MaxValue || (long)columns1 * columns2 > int.MaxValue))
        {
            Fault($"has w1 [{rows1}, {columns1}] and w2 [{rows2}, {columns2}]: more elements than a graph can hold");
        }
        // LyCORIS has one rank for both factors, and none for two stored matrices: then alpha has no effect (lycoris/modules/lokr.py).
        return IsValid ? (rows1 * rows2, columns1 * columns2, Math.Max(rank1, rank2)) : default;
    }

    /// <summary>Returns the size and the rank of a factor of LoKr, which is stored or a product; rank 0 for a stored one.</summary>
    private (int Rows, int Columns, int Rank) OfFactor(LoraRole whole, LoraRole up, LoraRole down, LoraRole? kernel, int rank)
    {
        LoraRole[] parts = [.. new[] { up, down }.Concat(kernel is { } role ? [role] : []).Where(tensors.ContainsKey)];
        if (!tensors.TryGetValue(whole, out SafetensorsTensor? stored))
        {
            return Require("LoKr", [up, down], instead: whole) ? OfProduct(up, down, kernel, rank) : default;
        }
        if (parts.Length > 0)
        {
            Fault($"has {Names([whole, .. parts])}; allowed: the matrix or its factors");
            return default;
        }
        return Fits(stored, "[outputs, inputs], of w2 of convolutions with the kernel's two sides behind",
            stored.Shape is [_, _] || whole == LoraRole.LokrW2 && stored.Shape is [_, _, _, _])
            ? (stored.Shape[0], Columns(stored, stored.Shape[0], 1), 0)
            : default;
    }

    /// <summary>Returns the size and the rank of a product of two matrices, with a kernel between them if the file has one.</summary>
    /// <param name="up">[outputs, rank]; with a kernel [rank, outputs].</param>
    /// <param name="down">[rank, inputs], with any further dimensions; with a kernel only these two.</param>
    /// <param name="kernel">[rank, rank, height, width], or null.</param>
    /// <param name="rank">The rank that it must have, or 0 for any.</param>
    private (int Rows, int Columns, int Rank) OfProduct(LoraRole up, LoraRole down, LoraRole? kernel, int rank)
    {
        SafetensorsTensor left = tensors[up], right = tensors[down];
        SafetensorsTensor? between = kernel is { } role ? tensors.GetValueOrDefault(role) : null;
        string expected = rank == 0 ? "rank" : $"{rank}";
        if (!Fits(right, $"[{expected}, inputs]", (between is null ? right.Shape.Count >= 2 : right.Shape.Count == 2)
            && (rank == 0 || right.Shape[0] == rank)))
        {
            return default;
        }
        rank = right.Shape[0];
        bool fits = between is null
            ? Fits(left, $"[outputs, {rank}]", left.Shape is [_, _] && left.Shape[1] == rank)
            : Fits(left, $"[{rank}, outputs]", left.Shape is [_, _] && left.Shape[0] == rank);
        int size = between is null ? 1 : Kernel(between, rank);
        return fits ? (left.Shape[between is null ? 0 : 1], Columns(right, rank, size), rank) : default;
    }

    private (int Rows, int Columns, int Rank) OfDifference()
    {
        SafetensorsTensor difference = tensors[LoraRole.Diff];
        return Fits(difference, "[outputs, inputs], of convolutions with the kernel's two sides behind", difference.Shape.Count is 2 or 4)
            ? (difference.Shape[0], Columns(difference, difference.Shape[0], 1), 0)
            : default;
    }

    /// <summary>Returns the vector of DoRA, with the axis that its shape tells.</summary>
    private DoraMagnitude? OfMagnitude(LoraKind kind, int rows, int columns)
    {
        bool isPeft = tensors.TryGetValue(LoraRole.MagnitudeVector, out SafetensorsTensor? vector);
        if (tensors.TryGetValue(LoraRole.DoraScale, out SafetensorsTensor? scale) && isPeft)
        {
            Fault($"has {Names([LoraRole.DoraScale, LoraRole.MagnitudeVector])}; allowed: one of them");
            return null;
        }
        if ((vector ?? scale) is not { } tensor)
        {
            return null;
        }
        if (kind == LoraKind.Full)
        {
            Fault($"has \"{tensor.Name}\", and no matrices of LoRA, LoHa or LoKr, which it belongs to");
            return null;
        }
        if (isPeft)
        {
            // peft/tuners/lora/dora.py: [outputs] for linear layers, [1, outputs, 1, 1] for convolutions.
            return Fits(tensor, $"{rows} values", tensor.Count == rows && tensor.Shape.Count(side => side > 1) <= 1)
                ? new DoraMagnitude(tensor, null, 0)
                : null;
        }
        // lycoris/modules/locon.py: wd_on_out, the default of current versions, makes [outputs, 1, ...], and older versions [1, inputs, ...].
        IReadOnlyList<int> shape = tensor.Shape;
        if (shape.Count > 0 && shape[0] == rows && shape.Skip(1).All(side => side == 1))
        {
            return new DoraMagnitude(tensor, null, LycorisEpsilon);
        }
        return Fits(tensor, $"[{rows}, 1, ...] or [1, inputs, ...] of {columns} columns",
            shape.Count >= 2 && shape[0] == 1 && shape.Skip(2).All(side => side == 1) && tensor.Count > 0 && columns % shape[1] == 0)
            ? new DoraMagnitude(tensor, shape[1], LycorisEpsilon)
            : null;
    }

    private void CheckBias(LoraKind kind, int rows, bool isDecomposed)
    {
        bool isOfUp = tensors.TryGetValue(LoraRole.UpBias, out SafetensorsTensor? ofUp);
        if (tensors.TryGetValue(LoraRole.DiffBias, out SafetensorsTensor? difference) && isOfUp)
        {
            Fault($"has {Names([LoraRole.DiffBias, LoraRole.UpBias])}; allowed: one of them");
        }
        else if (isOfUp && (kind != LoraKind.Lora || isDecomposed))
        {
            // PEFT's LoraConfig refuses lora_bias with use_dora.
            Fault($"has \"{ofUp!.Name}\"; only a LoRA without DoRA can have it");
        }
        else if (IsValid && (ofUp ?? difference) is { } tensor)
        {
            Fits(tensor, rows == 0 ? "[outputs]" : $"[{rows}]", tensor.Shape is [var length] && length == rows);
        }
    }

    private double OfAlpha(LoraKind kind, int rank, Func<int, double?> alphaOf)
    {
        if (tensors.TryGetValue(LoraRole.Alpha, out SafetensorsTensor? stated))
        {
            if (stated.Count != 1)
            {
                Fault($"has an alpha of {stated.Count} values; allowed: one");
            }
            else if (Try(() => file.Scalar(stated)) is { } alpha)
            {
                return alpha;
            }
        }
        return kind == LoraKind.Lora && IsValid ? alphaOf(rank) ?? rank : rank;
    }

    /// <summary>Reads all values, so that one that is not finite is found before anything is merged.</summary>
    private void CheckValues()
    {
        foreach (SafetensorsTensor tensor in tensors.Where(entry => entry.Key != LoraRole.Alpha).Select(entry => entry.Value))
        {
            Try(() => file.Values(tensor).Length);
        }
    }

    /// <summary>Reads a value, or adds the fault of its tensor.</summary>
    private T? Try<T>(Func<T> read)
        where T : struct
    {
        try
        {
            return read();
        }
        catch (ModelException exception)
        {
            faults.Add(exception.Message);
            return null;
        }
    }

    /// <summary>Returns the height times the width of a kernel between two matrices.</summary>
    private int Kernel(SafetensorsTensor mid, int rank) =>
        Fits(mid, $"[{rank}, {rank}, height, width]", mid.Shape is [_, _, _, _] && mid.Shape[0] == rank && mid.Shape[1] == rank)
        && ElementCount.Of(mid.Shape.Skip(2)) is <= int.MaxValue and { } product
            ? (int)product
            : 1;

    /// <summary>Returns the number of elements behind the first dimension, times a kernel.</summary>
    private int Columns(SafetensorsTensor tensor, int rows, int kernel)
    {
        if (ElementCount.Of((long[])[tensor.Count / rows, kernel]) is <= int.MaxValue and { } columns)
        {
            return (int)columns;
        }
        Fault($"has \"{tensor.Name}\" {Shape(tensor)} and a kernel of {kernel} elements: more elements than a graph can hold");
        return 1;
    }

    private bool Require(string kind, LoraRole[] roles, LoraRole? instead = null)
    {
        LoraRole[] missing = [.. roles.Where(role => !tensors.ContainsKey(role))];
        if (missing.Length > 0)
        {
            string other = instead is { } whole ? $", or {NameOf(whole)} instead" : "";
            Fault($"has only {Names(tensors.Keys)}; missing for {kind}: {string.Join(", ", missing.Select(NameOf))}{other}");
        }
        return missing.Length == 0;
    }

    private bool Fits(SafetensorsTensor tensor, string expected, bool fits)
    {
        fits &= tensor.Count > 0;
        if (!fits)
        {
            Fault($"has \"{tensor.Name}\" {Shape(tensor)}; expected: {expected}");
        }
        return fits;
    }

    private void Fault(string what) => faults.Add($"{file.Name}: the module {part}: {name} {what}");

    private string Names(IEnumerable<LoraRole> roles) => string.Join(", ", roles.Order().Select(role => tensors[role].Name));

    private static string NameOf(LoraRole role) => LoraKey.NameOf(role);

    private static string Shape(SafetensorsTensor tensor) => $"[{string.Join(", ", tensor.Shape)}]";
}
