using System.IO.Compression;
using Brownian.Tests.Programs;
using Brownian.Tokenizers;

namespace Brownian.Inference.Tests.Tokenizers;

/// <summary>The small T5 vocabulary that the golden models share, unpacked in each of its forms.</summary>
public sealed class T5Vocabulary : IDisposable
{
    public const string Whole = "tokenizer.json";
    public const string SentencePiece = "spiece.model";
    public const string Config = "tokenizer_config.json";
    public const string Map = "special_tokens_map.json";

    private static readonly string Source = Path.Combine(AppContext.BaseDirectory, "Cases", "t5-vocab");

    private readonly Dictionary<string, TemporaryFolder> _folders =
        new() { [Whole] = new TemporaryFolder(), [SentencePiece] = new TemporaryFolder() };

    public T5Vocabulary()
    {
        foreach ((string form, TemporaryFolder folder) in _folders)
        {
            using var packed = new GZipStream(File.OpenRead(Path.Combine(Source, form + ".gz")), CompressionMode.Decompress);
            using (FileStream unpacked = File.Create(folder.Combine(form)))
            {
                packed.CopyTo(unpacked);
            }
            foreach (string file in (string[])[Config, Map])
            {
                File.Copy(Path.Combine(Source, file), folder.Combine(file));
            }
        }
        FromWhole = T5Tokenizer.Load(Folder(Whole));
        FromSentencePiece = T5Tokenizer.Load(Folder(SentencePiece));
    }

    public T5Tokenizer FromWhole { get; }

    public T5Tokenizer FromSentencePiece { get; }

    public T5Tokenizer In(string form) => form == Whole ? FromWhole : FromSentencePiece;

    /// <summary>A folder that has one form and the files beside it, but not the other form.</summary>
    public string Folder(string form) => _folders[form].FullPath;

    public void Dispose()
    {
        foreach (TemporaryFolder folder in _folders.Values)
        {
            folder.Dispose();
        }
    }
}
