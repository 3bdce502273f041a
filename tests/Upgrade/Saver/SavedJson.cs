using System.IO.Compression;
using System.Text;
using System.Text.Json;

namespace Brownian.Upgrade.Saver;

/// <summary>Writes the saved data as JSON, with bytes as base64; compressed if the file's name has the ending.</summary>
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
