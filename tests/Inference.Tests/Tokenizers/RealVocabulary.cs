using System.IO.Compression;
using Brownian.Tokenizers;

namespace Brownian.Inference.Tests.Tokenizers;

/// <summary>The real CLIP vocabulary, unpacked for the tests.</summary>
public sealed class RealVocabulary : IDisposable
{
    public RealVocabulary()
    {
        string source = Path.Combine(AppContext.BaseDirectory, "Cases", "clip-vocab");
        foreach (string file in Directory.GetFiles(source))
        {
            if (!file.EndsWith(".gz", StringComparison.Ordinal))
            {
                File.Copy(file, Path.Combine(Folder, Path.GetFileName(file)));
                continue;
            }
            using var packed = new GZipStream(File.OpenRead(file), CompressionMode.Decompress);
            using FileStream unpacked = File.Create(Path.Combine(Folder, Path.GetFileNameWithoutExtension(file)));
            packed.CopyTo(unpacked);
        }
        Tokenizer = ClipTokenizer.Load(Folder);
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("brownian-clip-").FullName;

    public ClipTokenizer Tokenizer { get; }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
