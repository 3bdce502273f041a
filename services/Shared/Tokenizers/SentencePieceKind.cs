namespace Brownian.Tokenizers;

/// <summary>What a sentencepiece is for (<c>sentencepiece_model.proto: SentencePiece.Type</c>, without its last, bytes).</summary>
internal enum SentencePieceKind
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
}
