namespace Brownian.Formats.Onnx;

/// <summary>A node of an ONNX graph, with the properties that the search for weights needs.</summary>
/// <param name="Name">Its name; may be empty.</param>
/// <param name="Operator">The operator's name.</param>
/// <param name="Inputs">The names of its inputs.</param>
/// <param name="Outputs">The names of its outputs.</param>
/// <param name="Scopes">The module scopes that the newer exporter writes to the node, or null.</param>
/// <param name="TransposesB">Whether <c>transB</c> of a Gemm is set.</param>
/// <param name="Permutation">The attribute <c>perm</c> of a Transpose; empty when it has none.</param>
public sealed record OnnxNode(
    string Name, string Operator, IReadOnlyList<string> Inputs, IReadOnlyList<string> Outputs, string? Scopes, bool TransposesB,
    IReadOnlyList<int> Permutation);
