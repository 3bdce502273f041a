using System.Text;
using Brownian.Formats.Files;
using Brownian.Formats.Onnx;
using Brownian.Formats.Safetensors;
using Brownian.Formats.Tensors;
using Brownian.Imaging;
using Brownian.Inference.Sessions;
using Brownian.Tests.Programs;
using Brownian.Tokenizers;

namespace Brownian.Inference.Tests.Models;

/// <summary>Every reader of a file names the content if a download left something else under the file's name.</summary>
public sealed class MistakenFileTests
{
    private const string Pointer =
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

    public static TheoryData<string, string> Downloads => new()
    {
        { Pointer, "is a Git LFS pointer" },
        { "<!DOCTYPE html>\n<html><head><title>Log in</title></head></html>", "is a web page (HTML)" },
        { "\r\n  <HTML lang=en>", "is a web page (HTML)" },
        { "\u00EF\u00BB\u00BF<html>", "is a web page (HTML)" },
        { "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "is an XML document" },
        { "{\"error\":\"Repository not found\"}", "is a JSON error message" },
        { "Entry not found", "is an error message" },
        { "/annex/objects/MD5-s123--0cc175b9c0f1b6a831c399e269772661\n", "is a git-annex pointer" },
        { "\u001F\u008B\u0008\u0000\u0000\u0000\u0000\u0000\u0000\u0003", "is a gzip file" },
        { "Rar!\u001A\u0007\u0001\u0000", "is a RAR archive" },
        { "7z\u00BC\u00AF\u0027\u001C\u0000\u0004", "is a 7-Zip archive" },
        { "", "is an empty file" },
    };

    [Theory]
    [MemberData(nameof(Downloads))]
    public void Another_kind_of_content_in_a_model_file_is_named(string content, string says)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(content);

        AssertSays(says, Assert.Throws<ModelException>(() => SafetensorsFile.Parse(bytes, "weights.safetensors")));
        AssertSays(says, Assert.Throws<InvalidDataException>(() => NpyFile.Read(bytes)));
        AssertSays(says, Assert.Throws<InvalidDataException>(() => ImageReader.Read(bytes)));
        using var folder = new TemporaryFolder();
        string file = folder.Combine("model.onnx");
        File.WriteAllBytes(file, bytes);
        AssertSays(says, Assert.Throws<ModelException>(() => OnnxGraph.Load(file, new SessionSettings())));
        AssertSays(says, Assert.Throws<ModelException>(() => SentencePieceFile.Read(file)));
        if (content.Length > 0)
        {
            // An empty graph is a valid message of the format: the runtime reports what is missing.
            AssertSays(says, Assert.Throws<ModelException>(() => OnnxStructure.Read(file)));
        }
        if (!content.StartsWith('{'))
        {
            AssertSays(says, Assert.Throws<ModelException>(() => JsonFile.Read(file)));
        }
    }

    [Fact]
    public void A_GGUF_file_is_refused_by_its_format() =>
        AssertSays(
            "is a GGUF file",
            Assert.Throws<ModelException>(() => SafetensorsFile.Parse([.. "GGUF"u8, 3, 0, 0, 0, 0, 0, 0, 0], "weights.safetensors")));

    private static void AssertSays(string says, Exception exception) => Assert.Contains(says, exception.Message, StringComparison.Ordinal);
}
