using Brownian.Formats.Weights;

namespace Brownian.Formats.Torch;

/// <summary>A view of a storage.</summary>
/// <param name="Storage">The storage.</param>
/// <param name="Format">The element type.</param>
/// <param name="Offset">The index of the first element in the storage.</param>
/// <param name="Shape">The size of every dimension.</param>
/// <param name="Strides">The distance between neighbours along every dimension, in elements.</param>
internal sealed record TorchTensor(
    TorchStorage Storage, ElementFormat Format, long Offset, IReadOnlyList<int> Shape, IReadOnlyList<long> Strides);
