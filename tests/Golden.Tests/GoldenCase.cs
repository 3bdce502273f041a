using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Inference.Tensors;
using SkiaSharp;

namespace Brownian.Golden.Tests;

/// <summary>A request and the reference's answer, and how near an answer must be.</summary>
internal sealed class GoldenCase
{
    /// <summary>Embeddings, absolute.</summary>
    private const float EmbeddingTolerance = 1e-4f;

    /// <summary>Latents, absolute.</summary>
    private const float LatentTolerance = 2e-3f;

    private readonly JsonObject _json;
    private readonly string _folder;

    private GoldenCase(string folder)
    {
        _folder = folder;
        _json = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "case.json")))!.AsObject();
    }

    public static string Data { get; } = Path.Combine(AppContext.BaseDirectory, "Data");

    public static TheoryData<string> Names => [.. Directory.GetDirectories(Path.Combine(Data, "cases")).Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal)];

    public string ModelFolder => Path.Combine(Data, "models", _json["model"]!.GetValue<string>());

    public int Pictures => Expected["images"]!.AsArray().Count;

    private JsonObject Expected => _json["expected"]!.AsObject();

    public static GoldenCase Read(string name) => new(Path.Combine(Data, "cases", name));

    /// <summary>The request as a request file.</summary>
    public JsonObject Request()
    {
        JsonObject request = _json["request"]!.DeepClone().AsObject();
        request["task"] = _json["task"]!.DeepClone();
        request["model"] = ModelFolder;
        return request;
    }

    public void AssertTokens(IEnumerable<long> ids) => AssertTokens("token_ids", ids);

    public void AssertNegativeTokens(IEnumerable<long>? ids)
    {
        if (Expected["negative_token_ids"] is null)
        {
            Assert.Null(ids);
            return;
        }
        AssertTokens("negative_token_ids", ids!);
    }

    public void AssertEmbedding(string name, Tensor actual)
    {
        if (ExpectedTensor(name) is { } expected)
        {
            AssertClose(expected, actual, EmbeddingTolerance);
        }
    }

    /// <summary>Bit for bit, in the cases that hold them.</summary>
    public void AssertInitialLatents(Tensor actual)
    {
        if (ExpectedTensor("initial_latents") is { } expected)
        {
            AssertClose(expected, actual, 0);
        }
    }

    public void AssertFinalLatents(Tensor actual) => AssertClose(ExpectedTensor("final_latents")!, actual, LatentTolerance);

    /// <summary>As float32, bit for bit.</summary>
    public void AssertTimesteps(IEnumerable<float> actual) =>
        Assert.Equal(Expected["timesteps"]!.AsArray().Select(t => (float)t!.GetValue<double>()), actual);

    public void AssertSigmas(IReadOnlyList<float> actual)
    {
        if (Expected["sigmas"] is JsonArray expected)
        {
            Assert.Equal(expected.Count, actual.Count);
            Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First!.GetValue<double>(), pair.Second, 2e-6 * Math.Max(1, pair.Second)));
        }
    }

    /// <summary>Every channel within two levels, and within a quarter of one on average.</summary>
    public void AssertPicture(int index, byte[] actualRgb)
    {
        byte[] expected = ReadPng(Path.Combine(_folder, Expected["images"]!.AsArray()[index]!.GetValue<string>()));
        AssertPixels(expected, actualRgb);
    }

    public static void AssertPixels(byte[] expected, byte[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        int worst = 0;
        long sum = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            int difference = Math.Abs(expected[i] - actual[i]);
            worst = Math.Max(worst, difference);
            sum += difference;
        }
        Assert.InRange(worst, 0, 2);
        Assert.InRange((double)sum / expected.Length, 0, 0.25);
    }

    public static byte[] ReadPng(string file) => DecodePng(File.ReadAllBytes(file));

    public static byte[] DecodePng(byte[] file)
    {
        using SKBitmap bitmap = SKBitmap.Decode(file);
        return [.. bitmap.Pixels.SelectMany(pixel => (byte[])[pixel.Red, pixel.Green, pixel.Blue])];
    }

    private Tensor? ExpectedTensor(string name) =>
        Expected["files"]?[name] is { } file ? NpyFile.Read(Path.Combine(_folder, file.GetValue<string>())) : null;

    private void AssertTokens(string name, IEnumerable<long> actual) =>
        Assert.Equal(Expected[name]!.AsArray().Single()!.Deserialize<long[]>(), actual);

    public static void AssertClose(Tensor expected, Tensor actual, float tolerance)
    {
        Assert.Equal(expected.Shape, actual.Shape);
        float worst = 0;
        for (int i = 0; i < expected.Values.Length; i++)
        {
            float difference = Math.Abs(expected.Values[i] - actual.Values[i]);
            // A NaN is no nearer than anything.
            worst = difference <= worst ? worst : difference;
        }
        Assert.InRange(worst, 0, tolerance);
    }
}
