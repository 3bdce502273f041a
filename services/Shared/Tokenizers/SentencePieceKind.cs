namespace Brownian.Tokenizers;

/// <summary>The kind of a sentencepiece (<c>sentencepiece_model.proto: SentencePiece.Type</c>, without its last value, bytes).</summary>
internal enum SentencePieceKind
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
}
