using Brownian.Import.Configs;
using Brownian.Import.Networks.Layers;

namespace Brownian.Import.Networks.Unet;

/// <summary>
/// What a UNet or a ControlNet is conditioned by besides its images: the timestep, the text, and what is added to the timestep's embedding, such as a
/// noise level or the sizes of Stable Diffusion XL.
/// </summary>
internal sealed record UnetConditioning
{
    private const string ClassLabels = "class_labels";

    /// <summary>The width of the embedding.</summary>
    public required int EmbeddingWidth { get; init; }

    /// <summary>The width of the text that the network takes.</summary>
    public required int StatesWidth { get; init; }

    /// <summary>The channels of the first level, which is the width of the timestep's sinusoids.</summary>
    private int TimeWidth { get; init; }

    /// <summary>The width of the text that the attentions take.</summary>
    private int TextWidth { get; init; }

    private bool CosinesFirst { get; init; }

    private double Shift { get; init; }

    private Activation Activation { get; init; }

    private Activation? SumActivation { get; init; }

    private int? ConditionWidth { get; init; }

    private bool ProjectsText { get; init; }

    private bool NormalisesText { get; init; }

    /// <summary>The kind of class labels: empty for none, <c>table</c> for <c>num_class_embeds</c> without a type.</summary>
    private string Classes { get; init; } = "";

    private int ClassCount { get; init; }

    private int ProjectionInputs { get; init; }

    /// <summary><c>addition_embed_type</c>: empty for none.</summary>
    private string Addition { get; init; } = "";

    private int AdditionHeads { get; init; }

    private int AdditionTimeWidth { get; init; }

    private int TimeIds { get; init; }

    /// <summary>Reads the configuration.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="shape">The levels.</param>
    /// <param name="pooledWidth">
    /// The width of the pooled text, which tells how many numbers the sizes of Stable Diffusion XL are; null for a network without them.
    /// </param>
    public static UnetConditioning Read(NetworkConfig config, UnetShape shape, int? pooledWidth)
    {
        int? hidden = config.OptionalInteger("encoder_hid_dim");
        string projection = config.Choice(
            "encoder_hid_dim_type", hidden is null ? "" : "text_proj", ("", ""), ("text_proj", "text_proj"));
        int[] widths = config.IntegerPerLevel("cross_attention_dim", shape.Channels.Length, 1280);
        if (widths.Distinct().Count() > 1)
        {
            config.Refuse("cross_attention_dim", "one width for all levels");
        }
        if (projection.Length > 0 && hidden is null)
        {
            config.Refuse("encoder_hid_dim", "a whole number, because encoder_hid_dim_type is given");
        }
        string classes = config.Choice(
            "class_embed_type", "", ("", ""), ("timestep", "timestep"), ("identity", "identity"), ("projection", "projection"),
            ("simple_projection", "simple_projection"));
        int? count = config.OptionalInteger("num_class_embeds");
        string addition = config.Choice("addition_embed_type", "", ("", ""), ("text", "text"), ("text_time", "text_time"));
        int? inputs = config.OptionalInteger("projection_class_embeddings_input_dim");
        if (inputs is null && (classes.EndsWith("projection", StringComparison.Ordinal) || addition == "text_time"))
        {
            config.Refuse("projection_class_embeddings_input_dim", "a whole number of at least 1, because what it describes is used");
        }
        int? timeWidth = config.OptionalInteger("addition_time_embed_dim");
        if (addition == "text_time" && timeWidth is null)
        {
            config.Refuse("addition_time_embed_dim", "a whole number of at least 1, because addition_embed_type is text_time");
        }
        int timeIds = 0;
        if (addition == "text_time" && inputs is { } all && timeWidth is { } each)
        {
            int left = all - (pooledWidth ?? 0);
            timeIds = left / each;
            if (pooledWidth is null || left <= 0 || left % each != 0)
            {
                config.Refuse(
                    "projection_class_embeddings_input_dim",
                    $"the width of the pooled text, {pooledWidth ?? 0}, plus a multiple of addition_time_embed_dim, {each}");
            }
        }
        bool normalisesText = config.Choice("cross_attention_norm", "", ("", false), ("group_norm", true));
        if (normalisesText && widths[0] % UnetLayers.TextGroups != 0)
        {
            config.Refuse("cross_attention_dim", $"a multiple of {UnetLayers.TextGroups}, because cross_attention_norm is group_norm");
        }
        int poolHeads = config.Integer("addition_embed_type_num_heads", 64);
        if (addition == "text")
        {
            config.RequireDivisor("addition_embed_type_num_heads", poolHeads, "the text's width", hidden ?? widths[0]);
        }
        return new UnetConditioning
        {
            TimeIds = timeIds,
            EmbeddingWidth = config.OptionalInteger("time_embedding_dim") ?? 4 * shape.Channels[0],
            StatesWidth = hidden ?? widths[0],
            TimeWidth = shape.Channels[0],
            TextWidth = widths[0],
            CosinesFirst = config.Flag("flip_sin_to_cos", true),
            Shift = config.Number("freq_shift", 0),
            Activation = shape.Activation,
            SumActivation = config.Has("time_embedding_act_fn") ? UnetShape.ReadActivation(config, "time_embedding_act_fn") : null,
            ConditionWidth = config.OptionalInteger("time_cond_proj_dim"),
            ProjectsText = projection.Length > 0,
            NormalisesText = normalisesText,
            Classes = classes.Length == 0 && count is not null ? "table" : classes,
            ClassCount = count ?? 0,
            ProjectionInputs = inputs ?? 1,
            Addition = addition,
            AdditionHeads = poolHeads,
            AdditionTimeWidth = timeWidth ?? 2,
        };
    }

    /// <summary>Adds the embedding and the text to a graph, and the inputs that they need.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="timestep">The timestep.</param>
    /// <param name="states">The text.</param>
    public (UnetEmbedding Embedding, UnetText Text) Build(GraphBuilder graph, Value timestep, Value states)
    {
        const string Time = "time_embedding";
        Value sinusoids = Sinusoids(graph, "time_proj", timestep, TimeWidth);
        if (ConditionWidth is { } width)
        {
            Value condition = graph.Input("timestep_cond", ElementType.Float32, "batch_size", width);
            sinusoids = graph.Add(
                Time, sinusoids, graph.Linear(Time + ".cond_proj", condition, width, TimeWidth, hasBias: false));
        }
        Value sum = Timesteps.Embed(graph, Time, sinusoids, TimeWidth, EmbeddingWidth, Activation);
        if (Class(graph) is { IsNone: false } ofClass)
        {
            sum = graph.Add("class_embedding", sum, ofClass);
        }
        if (Added(graph, states) is { IsNone: false } added)
        {
            sum = graph.Add("add_embedding", sum, added);
        }
        if (SumActivation is { } activation)
        {
            sum = graph.Activate("time_embedding_act_fn", sum, activation);
        }
        Value text = ProjectsText ? graph.Linear("encoder_hid_proj", states, StatesWidth, TextWidth) : states;
        return (new UnetEmbedding(sum, graph.Activate(Time, sum, Activation)), new UnetText(text, TextWidth, NormalisesText));
    }

    private Value Sinusoids(GraphBuilder graph, string at, Value numbers, int width) =>
        Timesteps.Sinusoids(graph, at, numbers, width, CosinesFirst, Shift);

    private Value Class(GraphBuilder graph)
    {
        const string Module = "class_embedding";
        switch (Classes)
        {
            case "table":
                return graph.Embedding(Module, graph.Input(ClassLabels, ElementType.Int64, "batch_size"), ClassCount, EmbeddingWidth);
            case "timestep":
                Value levels = graph.Cast(Module, graph.Input(ClassLabels, ElementType.Int64, "batch_size"), ElementType.Float32);
                return Timesteps.Embed(graph, Module, Sinusoids(graph, Module, levels, TimeWidth), TimeWidth, EmbeddingWidth, Activation);
            case "identity":
                return graph.Input(ClassLabels, ElementType.Float32, "batch_size", EmbeddingWidth);
            case "projection" or "simple_projection":
                Value labels = graph.Input(ClassLabels, ElementType.Float32, "batch_size", ProjectionInputs);
                return Classes == "projection" ? Timesteps.Embed(graph, Module, labels, ProjectionInputs, EmbeddingWidth, Activation.Silu)
                    : graph.Linear(Module, labels, ProjectionInputs, EmbeddingWidth, isExact: true);
            default:
                return Value.None;
        }
    }

    private Value Added(GraphBuilder graph, Value states)
    {
        const string Module = "add_embedding";
        switch (Addition)
        {
            case "text":
                // Sees the text before its projection (TextTimeEmbedding).
                Value pooled = Pool(graph, Module + ".pool", graph.LayerNorm(Module + ".norm1", states, StatesWidth));
                return graph.LayerNorm(
                    Module + ".norm2", graph.Linear(Module + ".proj", pooled, StatesWidth, EmbeddingWidth), EmbeddingWidth);
            case "text_time":
                Value text = graph.Input("text_embeds", ElementType.Float32, "batch_size", ProjectionInputs - (TimeIds * AdditionTimeWidth));
                Value times = graph.Input("time_ids", ElementType.Float32, "batch_size", TimeIds);
                Value sinusoids = graph.Node(
                    Module, "Reshape",
                    [Sinusoids(graph, Module, times, AdditionTimeWidth), graph.Concat(Module, 0, graph.Side(Module, times, 0), graph.Constant(-1))]);
                return Timesteps.Embed(
                    graph, Module, graph.Concat(Module, 1, text, sinusoids), ProjectionInputs, EmbeddingWidth, Activation.Silu);
            default:
                return Value.None;
        }
    }

    /// <summary>Attention of the mean of the tokens to them all (<c>AttentionPooling</c>).</summary>
    private Value Pool(GraphBuilder graph, string at, Value tokens)
    {
        Value mean = graph.Node(at, "ReduceMean", [tokens, graph.Constant(1)], ("keepdims", 1));
        Value first = graph.Add(at, mean, graph.Weight(at + ".positional_embedding", 1, StatesWidth));
        Value all = graph.Concat(at, 1, first, tokens);
        Value attended = graph.Attention(
            at,
            graph.Linear(at + ".q_proj", first, StatesWidth, StatesWidth),
            graph.Linear(at + ".k_proj", all, StatesWidth, StatesWidth),
            graph.Linear(at + ".v_proj", all, StatesWidth, StatesWidth),
            AdditionHeads,
            StatesWidth / AdditionHeads);
        return graph.Reshape(at, attended, 0, StatesWidth);
    }
}
