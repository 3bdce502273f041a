using System.IO.Compression;
using System.Text;
using System.Text.Json;

namespace Brownian.Upgrade.Saver;

/// <summary>How what is saved is written as JSON, bytes as base64; compressed where the file's name says so.</summary>
internal static class SavedJson
{
    private static readonly JsonSerializerOptions Options = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static async Task WriteAsync<T>(string file, T value)
    {
        byte[] text = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(value, Options) + "\n");
        await using FileStream stream = File.Create(file);
        if (!file.EndsWith(".gz", StringComparison.Ordinal))
        {
            await stream.WriteAsync(text);
            return;
        }
        await using var packed = new GZipStream(stream, CompressionLevel.SmallestSize);
        await packed.WriteAsync(text);
    }
}
