using Brownian.Formats.Images;
using Brownian.Imaging;
using Brownian.Inference;
using Brownian.Inference.Sessions;
using Brownian.Inference.Tests.Models;
using Brownian.Models.Families;
using Brownian.Models.Folders;
using Brownian.Requests;
using Brownian.V1;

namespace Brownian.Testing.Nodes;

/// <summary>Stub models in a folder of the test's own. No two tests use the same model name: queues and cards are named after models.</summary>
internal sealed class Stubs : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public string Combine(string name) => _folder.Combine(name);

    /// <summary>Writes a model.</summary>
    /// <param name="turns">How slow an evaluation is: about 0.2 ms per thousand.</param>
    /// <param name="factor">A number that distinguishes its images from another model's.</param>
    public string Add(int turns = 0, float factor = 0.5f)
    {
        string name = "stub-" + Guid.NewGuid().ToString("n")[..8];
        new StubModel { Turns = turns, Factor = factor }.Save(_folder.Combine(name));
        return name;
    }

    /// <summary>Writes a model that makes images twice as large.</summary>
    public string AddUpscaler()
    {
        string name = "stub-" + Guid.NewGuid().ToString("n")[..8];
        new StubUpscaler().Save(_folder.Combine(name));
        return name;
    }

    /// <summary>An image as a PNG file, of noise so that it does not compress.</summary>
    /// <param name="side">Its width and height in pixels.</param>
    /// <param name="seed">A number that distinguishes it from other images.</param>
    public static byte[] Png(int side = 16, int seed = 1)
    {
        var pixels = new byte[3 * side * side];
        uint state = (uint)seed;
        foreach (ref byte value in pixels.AsSpan())
        {
            state = (state * 1664525) + 1013904223;
            value = (byte)(state >> 24);
        }
        return ImageWriter.Encode(new PixelImage(side, side, pixels), new OutputSettings { Metadata = false }, "");
    }

    /// <summary>A file in the form in which a request contains it.</summary>
    public static string DataUrl(byte[] file) => "data:image/png;base64," + Convert.ToBase64String(file);

    /// <summary>A request to make an image larger.</summary>
    public static GenerateRequest Upscale(string model, string image) => new() { Model = model, Task = "upscale", InitImage = image };

    /// <summary>The settings of the folder and of the models.</summary>
    public IEnumerable<string> Settings(params string[] models) =>
        ["ModelFolders:0=" + _folder.FullPath, .. models.Select((model, i) => $"Models:{i}={model}")];

    /// <summary>A request for a stub.</summary>
    public static GenerateRequest Request(string model, ulong seed, int steps = 4)
    {
        var request =
            new GenerateRequest { Model = model, Prompt = "ab a b", NegativePrompt = "b", Steps = steps, Width = 32, Height = 32, GuidanceScale = 3 };
        request.Seeds.Add(seed);
        return request;
    }

    /// <summary>The files that the same request gives in process, undisturbed.</summary>
    public async Task<byte[][]> ExpectedAsync(GenerateRequest message)
    {
        System.Text.Json.Nodes.JsonObject json = Gateway.Requests.RequestMessages.Read(message, DateTimeOffset.UnixEpoch, []).Request;
        using ImageGenerator generator = await ImageGenerator.LoadAsync(
            ModelFolder.Open(_folder.Combine(message.Model)), new SessionSettings(Threads: 1), TestContext.Current.CancellationToken);
        Models.Families.ResolvedRequest request = generator.Resolve(RequestReader.Read(json));
        var files = new List<byte[]>();
        await foreach (GeneratedImage image in generator.GenerateAsync(request, null, TestContext.Current.CancellationToken))
        {
            files.Add(ImageWriter.Encode(image.Pixels, request.Request.Output, Infotext.Write(request, image.Seed)));
        }
        return [.. files];
    }

    public void Dispose() => _folder.Dispose();
}
