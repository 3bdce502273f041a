using Brownian.Formats.Weights;

namespace Brownian.Formats.Torch;

/// <summary>A storage of a PyTorch file, of which tensors are views.</summary>
/// <param name="Key">Its name in the file.</param>
/// <param name="Format">Its element type; null for bytes, whose views have the types.</param>
/// <param name="Count">The number of its elements, or of its bytes.</param>
internal sealed record TorchStorage(string Key, ElementFormat? Format, long Count);
