using Brownian.Formats.Safetensors;

namespace Brownian.Adapters;

/// <summary>The lengths that DoRA gives to the columns or the rows of a module's weight.</summary>
/// <param name="Tensor">One length for each output or input channel.</param>
/// <param name="Inputs">The module's input channels when the lengths are theirs; null when they are those of the outputs.</param>
/// <param name="Epsilon">What is added to a length before the division by it.</param>
internal sealed record DoraMagnitude(SafetensorsTensor Tensor, int? Inputs, float Epsilon);
