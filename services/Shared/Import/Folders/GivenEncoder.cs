using System.Text.Json.Nodes;
using Brownian.Import.SingleFiles;

namespace Brownian.Import.Folders;

/// <summary>A text encoder that was named beside a model's file.</summary>
/// <param name="Path">The file or folder that was named.</param>
/// <param name="Weights">The weights.</param>
/// <param name="Config">The configuration in the folder; null for a file.</param>
/// <param name="Tokenizer">The folder of its tokenizer; null for none.</param>
internal sealed record GivenEncoder(string Path, TextEncoderWeights Weights, JsonObject? Config, string? Tokenizer);
