using Brownian.Formats.Safetensors;

namespace Brownian.Adapters;

/// <summary>The change of an adapter file to one module, with tensors whose shapes fit each other.</summary>
public sealed record LoraModule
{
    /// <param name="tensors">The tensors.</param>
    internal LoraModule(IReadOnlyDictionary<LoraRole, SafetensorsTensor> tensors) => Tensors = tensors;

    /// <summary>The graph: <c>unet</c>, <c>text_encoder</c> or <c>text_encoder_2</c>.</summary>
    public required string Part { get; init; }

    /// <summary>The module's name in the file.</summary>
    public required string Name { get; init; }

    /// <summary>Whether the name is flattened, with "_" for ".".</summary>
    public required bool IsFlat { get; init; }

    /// <summary>How the difference of the weight is made.</summary>
    public required LoraKind Kind { get; init; }

    /// <summary>
    /// The rank that <see cref="Alpha"/> is divided by; 0 for differences without a scale: full ones, and LoKr of two whole matrices.
    /// </summary>
    public required int Rank { get; init; }

    /// <summary>The numerator of the scale. It already includes PEFT's rank-stabilized scale (alpha / sqrt(rank)).</summary>
    public required double Alpha { get; init; }

    /// <summary>The module's outputs.</summary>
    public required int Rows { get; init; }

    /// <summary>The module's inputs; for a convolution, times the kernel's height and width; 0 when only the bias is changed.</summary>
    public required int Columns { get; init; }

    /// <summary>Whether the module's bias is changed.</summary>
    public bool ChangesBias => Tensors.ContainsKey(LoraRole.DiffBias) || Tensors.ContainsKey(LoraRole.UpBias);

    /// <summary>The vector of DoRA (arxiv.org/abs/2402.09353) and its axis; null without one.</summary>
    internal DoraMagnitude? Magnitude { get; init; }

    /// <summary>The tensors.</summary>
    internal IReadOnlyDictionary<LoraRole, SafetensorsTensor> Tensors { get; }

    /// <summary>Returns the factor of the difference.</summary>
    /// <param name="strength">The weight in the request; 1 where a DoRA applies the weight itself.</param>
    internal float Scale(double strength) => (float)(Rank == 0 ? strength : strength * Alpha / Rank);

    /// <inheritdoc/>
    public override string ToString() => $"{Part}: {Name}";
}
