namespace Brownian.Inference.Tests.Models;

/// <summary>
/// A whole Stable Diffusion folder of stub graphs, in the layout of any exporter. The UNet computes
/// 0.5 x + 0.001 mean(embeddings) + 0.0001 t, so that every input matters.
/// </summary>
internal sealed record StubModel
{
    public const int Width = 6;

    /// <summary>The UNet's element type.</summary>
    public int Float { get; init; } = OnnxStub.Float32;

    /// <summary>The timestep's element type.</summary>
    public int Timestep { get; init; } = OnnxStub.Float32;

    /// <summary>The timestep's shape: empty for a scalar.</summary>
    public int?[] TimestepShape { get; init; } = [];

    /// <summary>The UNet's batch; null for any batch.</summary>
    public int? Batch { get; init; }

    /// <summary>The latent [height, width] that the UNet fixes; null for any size.</summary>
    public (int Height, int Width)? LatentSize { get; init; }

    /// <summary>The UNet's output's name.</summary>
    public string Output { get; init; } = "out_sample";

    /// <summary>The number of which the UNet's sides must be multiples.</summary>
    public int Multiple { get; init; } = 4;

    /// <summary>Latent channels.</summary>
    public int Channels { get; init; } = 4;

    /// <summary>Whether the graphs state the number of channels.</summary>
    public bool StatesChannels { get; init; } = true;

    /// <summary>Pixels per latent.</summary>
    public int Scale { get; init; } = 4;

    /// <summary>The text encoder's position embeddings.</summary>
    public int Positions { get; init; } = 12;

    /// <summary>The element type of token ids.</summary>
    public int Ids { get; init; } = OnnxStub.Int64;

    /// <summary>Whether the decoder's weights are in model.onnx.data.</summary>
    public bool External { get; init; }

    /// <summary>Whether config.json files are beside the graphs.</summary>
    public bool Configs { get; init; } = true;

    /// <summary>Whether the tokenizer states its window.</summary>
    public bool StatesWindow { get; init; } = true;

    /// <summary>The factor of the UNet's input; NaN gives outputs that are not finite.</summary>
    public float Factor { get; init; } = 0.5f;

    /// <summary>Turns of an idle loop in the UNet, so that an evaluation takes time; float32 only.</summary>
    public int Turns { get; init; }

    /// <summary>Writes the folder.</summary>
    public string Save(string folder)
    {
        SaveTextEncoder(Path.Combine(folder, "text_encoder"));
        SaveUnet(Path.Combine(folder, "unet"));
        SaveDecoder(Path.Combine(folder, "vae_decoder"));
        Write(folder, "model_index.json", "{\"_class_name\": \"OnnxStableDiffusionPipeline\"}");
        Write(folder, "scheduler/scheduler_config.json", "{\"_class_name\": \"DDIMScheduler\", \"clip_sample\": false, \"steps_offset\": 1}");
        Write(
            folder, "tokenizer/vocab.json",
            "{\"a\": 0, \"b\": 1, \"a</w>\": 2, \"b</w>\": 3, \"ab</w>\": 4, \"<|startoftext|>\": 5, \"<|endoftext|>\": 6}");
        Write(folder, "tokenizer/merges.txt", "#version: 0.2\na b</w>\n");
        Write(
            folder, "tokenizer/tokenizer_config.json",
            StatesWindow
                ? $"{{\"model_max_length\": {Positions}}}"
                : "{\"model_max_length\": 1000000000000000019884624838656}");
        if (Configs)
        {
            int levels = (int)Math.Log2(Multiple) + 1, decoderLevels = (int)Math.Log2(Scale) + 1;
            Write(folder, "unet/config.json", $"{{\"block_out_channels\": [{Ones(levels)}], \"sample_size\": 8}}");
            Write(
                folder, "vae_decoder/config.json",
                $"{{\"block_out_channels\": [{Ones(decoderLevels)}], \"latent_channels\": {Channels}, \"scaling_factor\": 0.5}}");
        }
        return folder;
    }

    private static string Ones(int count) => string.Join(", ", Enumerable.Repeat(1, count));

    private static void Write(string folder, string name, string text)
    {
        string file = Path.Combine(folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }

    private static float[] Waves(int count) => [.. Enumerable.Range(0, count).Select(i => MathF.Sin(i + 1))];

    private void SaveTextEncoder(string folder) => new OnnxStub()
        .Input("input_ids", Ids, null, null)
        .Weights("table", Waves(7 * Width), 7, Width)
        .Weights("positions", Waves(Positions * Width), Positions, Width)
        .Whole("zero", [0])
        .Whole("one", [1])
        .Node("Gather", ["table", "input_ids"], "words")
        .Node("Shape", ["input_ids"], "shape")
        .Node("Gather", ["shape", "one"], "length")
        .Node("Range", ["zero", "length", "one"], "places")
        .Node("Gather", ["positions", "places"], "placed")
        .Node("Add", ["words", "placed"], "last_hidden_state")
        .Output("last_hidden_state", OnnxStub.Float32, null, null, null)
        .Save(Path.Combine(folder, "model.onnx"));

    private void SaveUnet(string folder)
    {
        int? channels = StatesChannels ? Channels : null;
        var stub = new OnnxStub()
            .Input("sample", Float, Batch, channels, LatentSize?.Height, LatentSize?.Width)
            .Input("timestep", Timestep, TimestepShape)
            .Input("encoder_hidden_states", Float, Batch, null, null);
        Action<string, float> constant = Float == OnnxStub.Float16
            ? (name, value) => stub.HalfWeights(name, [value])
            : (name, value) => stub.Weights(name, [value]);
        constant("factor", Factor);
        constant("thousandth", 0.001f);
        constant("tenthousandth", 0.0001f);
        stub
            .Whole("last", [3], 1)
            .Whole("row", [-1, 1, 1, 1], 4)
            .Node("SpaceToDepth", ["sample"], "deep", ("blocksize", Multiple))
            .Node("DepthToSpace", ["deep"], "flat", ("blocksize", Multiple))
            .Node("Mul", ["flat", "factor"], "scaled")
            .Node("ReduceMean", ["encoder_hidden_states"], "mean", ("axes", (int[])[1, 2]), ("keepdims", 1))
            .Node("Unsqueeze", ["mean", "last"], "meant")
            .Node("Mul", ["meant", "thousandth"], "text")
            .Node("Cast", ["timestep"], "t", ("to", Float))
            .Node("Reshape", ["t", "row"], "time")
            .Node("Mul", ["time", "tenthousandth"], "clock")
            .Node("Add", ["scaled", "text"], "conditioned")
            .Node("Add", ["conditioned", "clock"], Turns > 0 ? "timed" : Output);
        if (Turns > 0)
        {
            stub.Weights("nothing", [0]).Loop("nothing", "slow", Turns).Node("Add", ["timed", "slow"], Output);
        }
        stub.Output(Output, Float, null, channels, null, null)
            .Save(Path.Combine(folder, "model.onnx"));
    }

    private void SaveDecoder(string folder)
    {
        int? channels = StatesChannels ? Channels : null;
        int pixels = 3 * Scale * Scale;
        float[] weights = [.. Waves(pixels * Channels).Select(value => value / 4)];
        OnnxStub stub = new OnnxStub().Input("latent_sample", OnnxStub.Float32, null, channels, null, null);
        stub = External
            ? stub.ExternalWeights(folder, "model.onnx.data", "weights", weights, pixels, Channels, 1, 1)
            : stub.Weights("weights", weights, pixels, Channels, 1, 1);
        stub.Node("Conv", ["latent_sample", "weights"], "deep")
            .Node("DepthToSpace", ["deep"], "sample", ("blocksize", Scale))
            .Output("sample", OnnxStub.Float32, null, 3, null, null)
            .Save(Path.Combine(folder, "model.onnx"));
    }
}
