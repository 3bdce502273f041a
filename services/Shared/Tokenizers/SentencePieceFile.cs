using System.Buffers.Binary;
using System.Text;
using Brownian.Formats.Files;

namespace Brownian.Tokenizers;

/// <summary>
/// A sentencepiece unigram model (<c>sentencepiece/src/sentencepiece_model.proto</c>; the numbers below are its field numbers).
/// </summary>
/// <param name="Pieces">The pieces by id.</param>
/// <param name="Charsmap">The normaliser's <c>precompiled_charsmap</c>; empty when it has none.</param>
internal sealed record SentencePieceFile(IReadOnlyList<SentencePiece> Pieces, byte[] Charsmap)
{
    private const int Unigram = 1;
    private const int MaxPieceLength = 1 << 16;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <exception cref="ModelException">The file cannot be read, or is not a model of this kind.</exception>
    public static SentencePieceFile Read(string file)
    {
        try
        {
            using FileStream stream = File.OpenRead(file);
            return Read(new WireReader(stream), stream.Length);
        }
        catch (Exception exception) when (exception is InvalidDataException or EndOfStreamException or DecoderFallbackException)
        {
            throw new ModelException(
                MistakenFile.DescribeFile(file) is { } mistaken
                    ? $"{file} is {mistaken}"
                    : $"{file} is not a sentencepiece unigram model: {exception.Message}", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{file} cannot be read: {exception.Message}", exception);
        }
    }

    private static SentencePieceFile Read(WireReader reader, long length)
    {
        var pieces = new List<SentencePiece>();
        byte[] charsmap = [];
        while (reader.Position < length)
        {
            switch (reader.ReadTag())
            {
                case (1, WireReader.Delimited):
                    pieces.Add(ReadPiece(reader, reader.ReadEnd(length)));
                    break;
                case (2, WireReader.Delimited):
                    ReadTrainer(reader, reader.ReadEnd(length));
                    break;
                case (3, WireReader.Delimited):
                    charsmap = ReadCharsmap(reader, reader.ReadEnd(length)) ?? charsmap;
                    break;
                case (_, int type):
                    reader.Skip(type, length);
                    break;
            }
        }
        return pieces.Count > 0 ? new SentencePieceFile(pieces, charsmap) : throw new InvalidDataException("it has no pieces");
    }

    private static SentencePiece ReadPiece(WireReader reader, long end)
    {
        string text = "";
        float score = 0;
        ulong kind = (ulong)SentencePieceKind.Normal;
        while (reader.Position < end)
        {
            switch (reader.ReadTag())
            {
                case (1, WireReader.Delimited):
                    text = Strict.GetString(ReadBytes(reader, end, MaxPieceLength));
                    break;
                case (2, WireReader.Fixed32):
                    byte[] bytes = new byte[sizeof(float)];
                    reader.ReadBytes(bytes);
                    score = BinaryPrimitives.ReadSingleLittleEndian(bytes);
                    break;
                case (3, WireReader.Varint):
                    kind = reader.ReadVarint();
                    break;
                case (_, int type):
                    reader.Skip(type, end);
                    break;
            }
        }
        RequireEnd(reader, end);
        return kind is >= (ulong)SentencePieceKind.Normal and <= (ulong)SentencePieceKind.Unused
            ? new SentencePiece(text, score, (SentencePieceKind)kind)
            : throw new InvalidDataException($"the piece \"{text}\" is of kind {kind}, which T5's tokenizer does not support");
    }

    private static void ReadTrainer(WireReader reader, long end)
    {
        while (reader.Position < end)
        {
            switch (reader.ReadTag())
            {
                case (3, WireReader.Varint):
                    ulong model = reader.ReadVarint();
                    if (model != Unigram)
                    {
                        throw new InvalidDataException($"its model_type is {model}, a unigram model's is {Unigram}");
                    }
                    break;
                case (_, int type):
                    reader.Skip(type, end);
                    break;
            }
        }
        RequireEnd(reader, end);
    }

    private static byte[]? ReadCharsmap(WireReader reader, long end)
    {
        byte[]? charsmap = null;
        while (reader.Position < end)
        {
            switch (reader.ReadTag())
            {
                case (2, WireReader.Delimited):
                    charsmap = ReadBytes(reader, end, Array.MaxLength);
                    break;
                case (_, int type):
                    reader.Skip(type, end);
                    break;
            }
        }
        RequireEnd(reader, end);
        return charsmap;
    }

    private static byte[] ReadBytes(WireReader reader, long end, int longest)
    {
        long length = reader.ReadEnd(end) - reader.Position;
        if (length > longest)
        {
            throw new InvalidDataException($"the {length} bytes at byte {reader.Position} are more than {longest}");
        }
        byte[] bytes = new byte[length];
        reader.ReadBytes(bytes);
        return bytes;
    }

    private static void RequireEnd(WireReader reader, long end)
    {
        if (reader.Position != end)
        {
            throw new InvalidDataException($"a field exceeds its message, at byte {end}");
        }
    }
}
