using System.Text.Json;
using System.Text.Json.Nodes;
using Brownian.Diffusion.Faults;
using Brownian.Formats.Tensors;
using Brownian.Inference.Engines;
using Brownian.Requests;
using SkiaSharp;

namespace Brownian.Golden.Tests;

/// <summary>A request with the reference's values and images, and the tolerances.</summary>
internal sealed class GoldenCase
{
    /// <summary>The absolute tolerance of embeddings.</summary>
    private const float EmbeddingTolerance = 1e-4f;

    /// <summary>The absolute tolerance of latents.</summary>
    private const float LatentTolerance = 2e-3f;

    private readonly JsonObject _json;
    private readonly string _folder;
    private readonly Func<string, string> _modelFolder;

    private GoldenCase(string folder, Func<string, string> modelFolder)
    {
        (_folder, _modelFolder) = (folder, modelFolder);
        _json = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "case.json")))!.AsObject();
    }

    public static string Data { get; } = Path.Combine(AppContext.BaseDirectory, "Data");

    /// <summary>The folders of LoRAs and textual inversions.</summary>
    public static IReadOnlyList<string> AdapterFolders { get; } = [Path.Combine(Data, "loras"), Path.Combine(Data, "embeddings")];

    public static TheoryData<string> Names =>
        [.. Directory.GetDirectories(Path.Combine(Data, "cases")).Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal)];

    /// <summary>
    /// The cases of tests that compare a door with a run in process: the shortest run of every task, model and field of requests, or all of them in
    /// <c>tests/long</c> (<c>BROWNIAN_EVERY_CASE</c>).
    /// </summary>
    public static TheoryData<string> NamesAtDoors
    {
        get
        {
            bool isEvery = Environment.GetEnvironmentVariable("BROWNIAN_EVERY_CASE") is { Length: > 0 };
            var seen = new HashSet<string>(StringComparer.Ordinal);
            return
            [
                .. Names.Select(row => row.Data).OrderBy(name => Read(name).Evaluations)
                    .Where(name => Read(name).Traits.Aggregate(isEvery, (isAny, trait) => seen.Add(trait) || isAny))
                    .Order(StringComparer.Ordinal),
            ];
        }
    }

    /// <summary>The number of evaluations of all runs and images.</summary>
    private int Evaluations => ImageCount * (Expected["timesteps"] switch
    {
        JsonArray run => run.Count,
        JsonObject runs => runs.Sum(run => (run.Value as JsonArray)?.Count ?? 0),
        _ => 1,
    });

    /// <summary>The task, the model and the fields of the request.</summary>
    private IEnumerable<string> Traits =>
        _json["request"]!.AsObject().Select(pair => pair.Key).Append("task " + _json["task"]).Append("model " + _json["model"]);

    /// <summary>The names of the models.</summary>
    public IReadOnlyList<string> ModelNames =>
        [.. _json["model"]!.GetValue<string>().Split(" + ").Append(_json["request"]!["refiner"]?["model"]?.GetValue<string>()).OfType<string>()];

    public string ModelFolder => ModelFolders[0];

    /// <summary>Names a request's ControlNets by their paths in the folder of the cases' models.</summary>
    public static void NameControlNets(JsonObject request) =>
        request["controlnets"] =
            new JsonArray([.. request["controlnets"]!.AsArray().Select(net => (JsonNode)$"tiny-sd15-controlnet/{(string)net!}")]);

    /// <summary>The folders of the model, or of the stages of a cascade, and of the refiner.</summary>
    public IReadOnlyList<string> ModelFolders => [.. ModelNames.Select(_modelFolder)];

    /// <summary>Whether the second model continues the image of the first.</summary>
    public bool IsCascade => _json["model"]!.GetValue<string>().Contains('+', StringComparison.Ordinal);

    /// <summary>Whether the model has several runs, one after the other.</summary>
    public bool IsUnclip => Expected["timesteps"] is JsonObject;

    /// <summary>Whether latents are decoded without a run.</summary>
    public bool IsPreview => (string?)_json["task"] == RequestTask.Preview;

    public int ImageCount => ImageFiles.Count;

    /// <summary>The files of the expected images, which not every case lists.</summary>
    private IReadOnlyList<string> ImageFiles => Expected["images"] is JsonArray named
        ? [.. named.Select(name => Path.Combine(_folder, name!.GetValue<string>()))]
        : [.. Directory.GetFiles(_folder, "expected*.png").Order(StringComparer.Ordinal)];

    private JsonObject Expected => _json["expected"]!.AsObject();

    public static GoldenCase Read(string name) => new(Path.Combine(Data, "cases", name), model => Path.Combine(Data, "models", model));

    /// <summary>Reads a case of models in other folders.</summary>
    /// <param name="folder">The case's folder.</param>
    /// <param name="modelFolder">The folder of a model by its name.</param>
    public static GoldenCase Read(string folder, Func<string, string> modelFolder) => new(folder, modelFolder);

    /// <summary>The request as a request file.</summary>
    public JsonObject Request()
    {
        JsonObject request = _json["request"]!.DeepClone().AsObject();
        request["task"] = _json["task"]!.DeepClone();
        request["model"] = Models(ModelFolders);
        foreach (JsonValue named in Named(request, "init_image", "mask", "control_image"))
        {
            named.ReplaceWith(Path.Combine(Data, "images", named.GetValue<string>() + ".png"));
        }
        foreach (string latents in (string[])["init_latents", "latents"])
        {
            if (request[latents] is { } named)
            {
                request[latents] = Path.Combine(_folder, named.GetValue<string>());
            }
        }
        if (request["refiner"] is JsonObject refiner)
        {
            refiner["model"] = ModelFolders[1];
        }
        return request;
    }

    /// <summary>The request for a gateway: models by name, images by the caller's names.</summary>
    public async Task<JsonObject> RemoteRequestAsync(Func<string, Task<string>> name)
    {
        JsonObject request = Request();
        request["model"] = Models([.. ModelFolders.Select(folder => Path.GetFileName(folder))]);
        foreach (JsonValue path in Named(request, "init_image", "mask", "control_image", "init_latents", "latents"))
        {
            path.ReplaceWith(await name(path.GetValue<string>()));
        }
        if (request["refiner"] is JsonObject refiner)
        {
            refiner["model"] = Path.GetFileName(ModelFolders[1]);
        }
        return request;
    }

    private JsonNode Models(IReadOnlyList<string> names) =>
        IsCascade ? new JsonArray([.. names.Select(name => JsonValue.Create(name))]) : JsonValue.Create(names[0])!;

    /// <summary>The files that a request names: one per field, or a list of them.</summary>
    private static JsonValue[] Named(JsonObject request, params string[] fields) =>
        [.. fields.SelectMany(field => request[field] is JsonArray list ? list : (IEnumerable<JsonNode?>)[request[field]]).OfType<JsonValue>()];

    /// <summary>The request with its images.</summary>
    public async Task<(GenerationRequest Request, RequestImages Images, Dictionary<string, ReadOnlyMemory<byte>> Files)> ReadAsync()
    {
        GenerationRequest request = RequestReader.Read(Request());
        var files = new Dictionary<string, ReadOnlyMemory<byte>>();
        var faults = new List<FieldFault>();
        RequestImages images = await RequestImages.ReadAsync(
            request,
            async named =>
            {
                files[named] = await File.ReadAllBytesAsync(named);
                return (named, files[named]);
            },
            faults);
        Assert.Empty(faults);
        return (request, images, files);
    }

    /// <summary>Checks the ids and embeddings of every encoder.</summary>
    public void AssertEncodings(TextEncoding prompt, TextEncoding? negative)
    {
        // A refiner has only the second encoder.
        int missing = Expected["token_ids"] is null ? 1 : 0;
        for (int i = 0; i < prompt.Prompt.Ids.Count; i++)
        {
            if (Expected["token_ids"] is JsonObject)
            {
                string tokenizer = i == 0 ? "tokenizer" : $"tokenizer_{i + 1}";
                Assert.Equal(Expected["token_ids"]![tokenizer]!.Deserialize<long[]>(), prompt.Prompt.Ids[i]);
                Assert.Equal(Expected["negative_token_ids"]?[tokenizer].Deserialize<long[]>(), negative?.Prompt.Ids[i]);
                continue;
            }
            string number = i + missing == 0 ? "" : "_2";
            AssertTokens("token_ids" + number, prompt.Prompt.Ids[i]);
            AssertTokensOrNone("negative_token_ids" + number, negative?.Prompt.Ids[i]);
        }
        AssertEmbedding("prompt_embeds", prompt.Features.Embedding);
        if (prompt.Features.Pooled is { } pooled)
        {
            AssertEmbedding("pooled_prompt_embeds", pooled);
        }
        if (negative is not null)
        {
            AssertEmbedding("negative_prompt_embeds", negative.Features.Embedding);
            if (negative.Features.Pooled is { } negativePooled)
            {
                AssertEmbedding("negative_pooled_prompt_embeds", negativePooled);
            }
        }
    }

    /// <summary>Checks a dump's ids, or that it has none.</summary>
    public void AssertTokensIn(string dump, string name)
    {
        // A refiner has only the second encoder, which is numbered first.
        if (Expected["token_ids"] is JsonObject)
        {
            return;
        }
        string file = Path.Combine(dump, (Expected["token_ids"] is null ? name.Replace("_2", "", StringComparison.Ordinal) : name) + ".json");
        AssertTokensOrNone(
            name, Expected[name] is null || !File.Exists(file) ? null : JsonSerializer.Deserialize<long[][]>(File.ReadAllText(file))!.Single());
    }

    /// <summary>Checks intermediate latents, in the cases that have them.</summary>
    public void AssertLatents(string name, Tensor? actual)
    {
        if (ExpectedTensor(name) is { } expected)
        {
            AssertClose(expected, actual!, LatentTolerance);
        }
    }

    public void AssertRefinerTimesteps(IEnumerable<float> actual) =>
        Assert.Equal(Expected["refiner"]!["timesteps"]!.AsArray().Select(t => (float)t!.GetValue<double>()), actual);

    public void AssertTokens(IEnumerable<long> ids) => AssertTokens("token_ids", ids);

    public void AssertNegativeTokens(IEnumerable<long>? ids) => AssertTokensOrNone("negative_token_ids", ids);

    private void AssertTokensOrNone(string name, IEnumerable<long>? ids)
    {
        // Some cases without guidance list a negative prompt that is not encoded.
        bool unguided = name.StartsWith("negative", StringComparison.Ordinal) && (double?)_json["request"]!["guidance_scale"] <= 1;
        if (Expected[name] is null || (unguided && ids is null))
        {
            Assert.Null(ids);
            return;
        }
        AssertTokens(name, ids!);
    }

    public void AssertEmbedding(string name, Tensor actual)
    {
        if (ExpectedTensor(name) is { } expected)
        {
            AssertClose(expected, actual, EmbeddingTolerance);
        }
    }

    /// <summary>Checks the initial latents bit for bit, in the cases that have them.</summary>
    public void AssertInitialLatents(Tensor actual)
    {
        if (ExpectedTensor("initial_latents") is { } expected)
        {
            AssertClose(expected, actual, 0);
        }
    }

    public void AssertFinalLatents(Tensor actual) => AssertClose(ExpectedTensor("final_latents")!, actual, LatentTolerance);

    /// <summary>Checks the timesteps of one of several runs as float32, bit for bit; there are none if the case lacks the run.</summary>
    public void AssertTimestepsOf(string run, IEnumerable<float>? actual) =>
        Assert.Equal((Expected["timesteps"]![run] as JsonArray)?.Select(t => (float)t!.GetValue<double>()), actual);

    /// <summary>Checks the timesteps of a cascade's first stage.</summary>
    public void AssertFirstStageTimesteps(IEnumerable<float> actual) =>
        Assert.Equal(Expected["stage_1"]!["timesteps"]!.AsArray().Select(t => (float)t!.GetValue<double>()), actual);

    /// <summary>Allows one number in a thousand beyond the tolerance: the first step of unCLIP's super-resolution divides by 4.9e-5.</summary>
    public void AssertMostOf(string name, Tensor actual)
    {
        Tensor expected = ExpectedTensor(name)!;
        Assert.Equal(expected.Shape, actual.Shape);
        float[] differences = [.. expected.Values.Zip(actual.Values, (first, second) => Math.Abs(first - second)).Order()];
        Assert.InRange(differences[(int)(differences.Length * 0.999)], 0, LatentTolerance);
    }

    /// <summary>Checks the timesteps as float32, bit for bit.</summary>
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

    /// <summary>Checks that every channel is within two levels, and within a quarter of one on average.</summary>
    public void AssertImage(int index, byte[] actualRgb)
    {
        byte[] expected = ReadPng(ImageFiles[index]);
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
            // A comparison with NaN is false, so that it counts as the worst.
            worst = difference <= worst ? worst : difference;
        }
        Assert.InRange(worst, 0, tolerance);
    }
}
