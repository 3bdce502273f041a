namespace Brownian.Tokenizers;

/// <summary>A piece of a sentencepiece model.</summary>
/// <param name="Text">Its text, with <c>▁</c> for a space.</param>
/// <param name="Score">The logarithm of its probability.</param>
/// <param name="Kind">Its kind.</param>
internal readonly record struct SentencePiece(string Text, float Score, SentencePieceKind Kind);
