using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;

namespace Brownian.Import.Folders;

/// <summary>CLIP's tokenizer, whose vocabulary all Stable Diffusions have in common (OpenAI's, under the MIT licence).</summary>
internal static class TokenizerFiles
{
    /// <summary>The number of tokens.</summary>
    public const int Vocabulary = 49408;

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

    /// <summary>Returns a file of JSON.</summary>
    public static ImportedFile Text(string name, JsonObject json) =>
        new(name, () => new MemoryStream(Encoding.UTF8.GetBytes(json.ToJsonString(Configs.NetworkConfig.Readable) + "\n")));

    private static GZipStream Open(string name) => new(
        typeof(TokenizerFiles).Assembly.GetManifestResourceStream(name) ?? throw new InvalidOperationException($"{name} is not embedded"),
        CompressionMode.Decompress);
}
