namespace Brownian.Tokenizers;

/// <summary>A piece of a sentencepiece model.</summary>
/// <param name="Text">Its text, <c>▁</c> for a space.</param>
/// <param name="Score">The logarithm of its probability.</param>
/// <param name="Kind">What it is for.</param>
internal readonly record struct SentencePiece(string Text, float Score, SentencePieceKind Kind);
