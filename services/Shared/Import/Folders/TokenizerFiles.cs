using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;

namespace Brownian.Import.Folders;

/// <summary>
/// The files of tokenizers: CLIP's, whose vocabulary all Stable Diffusions have in common (OpenAI's, under the MIT licence), and those that stand
/// beside text encoders.
/// </summary>
internal static class TokenizerFiles
{
    /// <summary>The number of tokens.</summary>
    public const int Vocabulary = 49408;

    private static readonly string[] Names =
    [
        "added_tokens.json", "merges.txt", "special_tokens_map.json", "spiece.model", "tokenizer.json", "tokenizer_config.json", "vocab.json",
    ];

    private const string Start = "<|startoftext|>", End = "<|endoftext|>";

    /// <summary>Returns a tokenizer's files.</summary>
    /// <param name="part">The name of its folder.</param>
    /// <param name="pad">The token that fills the rest of the window: the end token, or <c>!</c> for OpenCLIP's encoders.</param>
    public static IEnumerable<ImportedFile> Of(string part, string? pad = null)
    {
        var map = new JsonObject { ["bos_token"] = Start, ["eos_token"] = End, ["pad_token"] = pad ?? End, ["unk_token"] = End };
        var config = (JsonObject)map.DeepClone();
        config["do_lower_case"] = true;
        config["model_max_length"] = 77;
        config["tokenizer_class"] = "CLIPTokenizer";
        return
        [
            new ImportedFile($"{part}/merges.txt", () => Open("merges.txt.gz")),
            new ImportedFile($"{part}/vocab.json", () => Open("vocab.json.gz")),
            Text($"{part}/special_tokens_map.json", map),
            Text($"{part}/tokenizer_config.json", config),
        ];
    }

    /// <summary>Returns the folder of the tokenizer of an encoder in a folder: that folder or the one beside it; null for none.</summary>
    public static string? FolderOf(string encoder)
    {
        string path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(encoder));
        string beside = Path.Combine(
            Path.GetDirectoryName(path) ?? path, Path.GetFileName(path).Replace("text_encoder", "tokenizer", StringComparison.Ordinal));
        return ((string[])[path, beside]).FirstOrDefault(folder => IsT5(folder) || File.Exists(Path.Combine(folder, "vocab.json")));
    }

    /// <summary>Returns whether a folder has a tokenizer that can be T5's.</summary>
    public static bool IsT5(string folder) =>
        File.Exists(Path.Combine(folder, "tokenizer.json")) || File.Exists(Path.Combine(folder, "spiece.model"));

    /// <summary>Returns the files of a tokenizer's folder, in which there may be others.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="part">The name of the folder in the model.</param>
    public static IEnumerable<ImportedFile> CopiesOf(string folder, string part) => Names
        .Where(name => File.Exists(Path.Combine(folder, name)))
        .Select(name => new ImportedFile($"{part}/{name}", () => File.OpenRead(Path.Combine(folder, name))));

    /// <summary>Returns a file of JSON.</summary>
    public static ImportedFile Text(string name, JsonObject json) =>
        new(name, () => new MemoryStream(Encoding.UTF8.GetBytes(json.ToJsonString(Configs.NetworkConfig.Readable) + "\n")));

    private static GZipStream Open(string name) => new(
        typeof(TokenizerFiles).Assembly.GetManifestResourceStream(name) ?? throw new InvalidOperationException($"{name} is not embedded"),
        CompressionMode.Decompress);
}
