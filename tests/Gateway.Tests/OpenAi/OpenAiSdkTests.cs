using System.ClientModel;
using System.Text.Json.Nodes;
using Brownian.Formats.Images;
using Brownian.V1;
using OpenAI;
using OpenAI.Images;

namespace Brownian.Gateway.Tests.OpenAi;

/// <summary>OpenAI's own SDKs, unmodified, with a gateway's address.</summary>
public sealed class OpenAiSdkTests(OpenAiNode served) : IClassFixture<OpenAiNode>
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>What the request of the scripts means: no negative prompt, and the model's own guidance.</summary>
    private GenerateRequest Request
    {
        get
        {
            var request = new GenerateRequest { Model = served.Model, Prompt = "ab a", Steps = 4, Width = 32, Height = 32 };
            request.Seeds.Add(7);
            return request;
        }
    }

    [Fact]
    public async Task The_dotnet_SDK_makes_edits_and_streams_images_and_reads_errors()
    {
        ImageClient client = Images(served.Model);
        GeneratedImage made = await client.GenerateImageAsync(
            "ab a", new ImageGenerationOptions { Size = new GeneratedImageSize(32, 32), ResponseFormat = GeneratedImageFormat.Bytes }, Stop);
        Assert.Equal((32, 32), ImageInspector.Inspect(made.ImageBytes.ToArray()));
        // The SDK's way to send further fields.
        ClientResult exact = await client.GenerateImagesAsync(BinaryContent.Create(BinaryData.FromString(
            $$"""{"model": "{{served.Model}}", "prompt": "ab a", "size": "32x32", "response_format": "b64_json", "seed": 7, "steps": 4}""")));
        JsonNode answer = JsonNode.Parse(exact.GetRawResponse().Content)!;
        Assert.Equal(Convert.ToBase64String(await served.ExpectedAsync(Request)), (string?)answer["data"]![0]!["b64_json"]);

        GeneratedImageCollection several = await client.GenerateImagesAsync(
            "ab a", 2, new ImageGenerationOptions { ResponseFormat = GeneratedImageFormat.Uri }, Stop);
        Assert.Equal(2, several.Count);
        // The links need no key.
        using var plain = new HttpClient();
        byte[] linked = await plain.GetByteArrayAsync(several[1].ImageUri, Stop);
        Assert.Equal("image/png", ImageFormats.MediaTypeOf(linked));

        using var image = new MemoryStream(Stubs.Png(64));
        using var mask = new MemoryStream(Mask(64));
        GeneratedImage edited = await Images(OpenAiNode.Editor).GenerateImageEditAsync(
            image, "image.png", "ab", mask, "mask.png", new ImageEditOptions { ResponseFormat = GeneratedImageFormat.Bytes }, Stop);
        Assert.Equal("image/png", ImageFormats.MediaTypeOf(edited.ImageBytes.ToArray()));

        ClientResultException missing =
            await Assert.ThrowsAsync<ClientResultException>(() => Images("nothing").GenerateImageAsync("a", null, Stop));
        Assert.Equal(404, missing.Status);
        Assert.Contains("model_not_found", missing.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_npm_SDK_lists_makes_streams_and_edits_images_and_reads_errors()
    {
        await File.WriteAllBytesAsync(served.Combine("image.png"), Stubs.Png(64), Stop);
        await File.WriteAllBytesAsync(served.Combine("mask.png"), Mask(64), Stop);
        (int exitCode, string output, string error) =
            await served.RunAsync("node", "images.mjs", served.Address.ToString(), served.Model, OpenAiNode.Editor, "image.png", "mask.png");

        Assert.True(exitCode == 0, error);
        JsonNode report = JsonNode.Parse(output)!;
        Assert.Equal(
            ((string[])[served.Model, OpenAiNode.Editor]).Order(StringComparer.Ordinal).Append("gpt-image-1"),
            report["models"]!.AsArray().Select(name => (string?)name));
        string expected = Convert.ToBase64String(await served.ExpectedAsync(Request));
        Assert.Equal(2, report["generated"]!.AsArray().Count);
        Assert.Equal(expected, (string?)report["generated"]![0]);
        Assert.Equal(expected, (string?)report["completed"]);
        Assert.Equal("32x32", (string?)report["size"]);
        Assert.InRange((int)report["partial"]!, 0, 2);
        Assert.Equal(1, (int)report["edited"]!);
        Assert.Equal("""["NotFoundError",404,"model_not_found","model"]""", report["missing"]!.ToJsonString());
        Assert.Equal("""["BadRequestError",400,"invalid_value","size"]""", report["refused"]!.ToJsonString());
    }

    /// <summary>A mask whose lower half is transparent, which is the half that is edited.</summary>
    internal static byte[] Mask(int side)
    {
        using var bitmap = new SkiaSharp.SKBitmap(side, side, SkiaSharp.SKColorType.Rgba8888, SkiaSharp.SKAlphaType.Unpremul);
        for (int y = 0; y < side; y++)
        {
            for (int x = 0; x < side; x++)
            {
                bitmap.SetPixel(x, y, new SkiaSharp.SKColor(0, 0, 0, (byte)(2 * y < side ? 255 : 0)));
            }
        }
        using SkiaSharp.SKData data = bitmap.Encode(SkiaSharp.SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }

    private ImageClient Images(string model) =>
        new(model, new ApiKeyCredential("unused"), new OpenAIClientOptions { Endpoint = served.Address });
}
