using Brownian.Formats.Safetensors;

namespace Brownian.Adapters;

/// <summary>What a LoRA adds to one module: <see cref="Alpha"/> / <see cref="Rank"/> * up @ down.</summary>
/// <param name="Part">The graph: <c>unet</c>, <c>text_encoder</c> or <c>text_encoder_2</c>.</param>
/// <param name="Name">The module's name, as the file has it.</param>
/// <param name="IsFlat">Whether the name is flattened, "_" for ".".</param>
/// <param name="Rank">Rows of down.</param>
/// <param name="Alpha">The numerator of the scale, in which PEFT's rank-stabilised scale (alpha / sqrt(rank)) is already accounted for.</param>
/// <param name="Rows">Rows of up: the module's outputs.</param>
/// <param name="Columns">The module's inputs; of a convolution, times the kernel's height and width.</param>
/// <param name="Up">[rows, rank], or [rows, rank, 1, 1].</param>
/// <param name="Down">[rank, inputs], or [rank, inputs, height, width].</param>
/// <param name="Mid">The kernel between them, [rank, rank, height, width], where down is 1x1; or null.</param>
public sealed record LoraModule(
    string Part, string Name, bool IsFlat, int Rank, double Alpha, int Rows, int Columns, SafetensorsTensor Up, SafetensorsTensor Down,
    SafetensorsTensor? Mid)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Part}: {Name}";
}
