using Brownian.Formats.Safetensors;

namespace Brownian.Adapters;

/// <summary>The change of a LoRA to one module: <see cref="Alpha"/> / <see cref="Rank"/> * up @ down.</summary>
/// <param name="Part">The graph: <c>unet</c>, <c>text_encoder</c> or <c>text_encoder_2</c>.</param>
/// <param name="Name">The module's name in the file.</param>
/// <param name="IsFlat">Whether the name is flattened, with "_" for ".".</param>
/// <param name="Rank">The number of rows of down.</param>
/// <param name="Alpha">The numerator of the scale. It already includes PEFT's rank-stabilized scale (alpha / sqrt(rank)).</param>
/// <param name="Rows">The number of rows of up: the module's outputs.</param>
/// <param name="Columns">The module's inputs; for a convolution, times the kernel's height and width.</param>
/// <param name="Up">[rows, rank], or [rows, rank, 1, 1].</param>
/// <param name="Down">[rank, inputs], or [rank, inputs, height, width].</param>
/// <param name="Mid">The kernel between up and down, [rank, rank, height, width], when down is 1x1; or null.</param>
public sealed record LoraModule(
    string Part, string Name, bool IsFlat, int Rank, double Alpha, int Rows, int Columns, SafetensorsTensor Up, SafetensorsTensor Down,
    SafetensorsTensor? Mid)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Part}: {Name}";
}
