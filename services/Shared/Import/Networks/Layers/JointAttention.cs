namespace Brownian.Import.Networks.Layers;

/// <summary>Attention of an image's and a text's tokens to all of them, with weights of their own, as in Stable Diffusion 3 and Flux.</summary>
/// <param name="graph">The graph.</param>
/// <param name="heads">The number of heads.</param>
/// <param name="headSize">The width of a head.</param>
/// <param name="normalises">Whether queries and keys are normalised.</param>
/// <param name="textFirst">Whether the text's tokens come before the image's.</param>
/// <param name="rotate">What is done with queries and keys at last; null for nothing.</param>
internal sealed class JointAttention(
    GraphBuilder graph, int heads, int headSize, bool normalises, bool textFirst, Func<string, Value, Value>? rotate)
{
    private const float Epsilon = 1e-6f;

    private readonly int _width = heads * headSize;

    /// <summary>Attention of tokens to themselves, without the last projection.</summary>
    public Value Single(string at, Value x)
    {
        (Value query, Value key, Value value) = Project(at, x, "to_{0}", "norm_{0}");
        return Attend(at, query, key, value);
    }

    /// <summary>Attention of both kinds of tokens to both.</summary>
    /// <param name="at">The module.</param>
    /// <param name="image">The image's tokens.</param>
    /// <param name="text">The text's tokens.</param>
    /// <param name="projectsText">Whether the text's result is used.</param>
    public (Value Image, Value Text) Joint(string at, Value image, Value text, bool projectsText)
    {
        (Value Query, Value Key, Value Value) ofImage = Project(at, image, "to_{0}", "norm_{0}");
        (Value Query, Value Key, Value Value) ofText = Project(at, text, "add_{0}_proj", "norm_added_{0}");
        Value attended = Attend(
            at, Join(at, ofImage.Query, ofText.Query), Join(at, ofImage.Key, ofText.Key), Join(at, ofImage.Value, ofText.Value));
        Value first = graph.Side(at, textFirst ? text : image, 1), all = graph.Side(at, attended, 1);
        Value[] parts = graph.Nodes(
            at, "", "Split", 2, [attended, graph.Concat(at, 0, first, graph.Subtract(at, all, first))], ("axis", 1));
        (Value imageResult, Value textResult) = textFirst ? (parts[1], parts[0]) : (parts[0], parts[1]);
        return (graph.Linear(at + ".to_out.0", imageResult, _width, _width),
            projectsText ? graph.Linear(at + ".to_add_out", textResult, _width, _width) : Value.None);
    }

    private Value Join(string at, Value image, Value text) => textFirst ? graph.Concat(at, 1, text, image) : graph.Concat(at, 1, image, text);

    private Value Attend(string at, Value query, Value key, Value value) => rotate is null
        ? graph.Attention(at, query, key, value, heads, headSize)
        : graph.Attention(at, rotate(at, query), rotate(at, key), value, heads, headSize);

    private (Value Query, Value Key, Value Value) Project(string at, Value x, string layer, string norm)
    {
        return (Normal("q"), Normal("k"), Linear("v"));

        Value Linear(string which) =>
            graph.Linear($"{at}.{layer.Replace("{0}", which, StringComparison.Ordinal)}", x, _width, _width);

        Value Normal(string which) => normalises
            ? graph.HeadNorm($"{at}.{norm.Replace("{0}", which, StringComparison.Ordinal)}", Linear(which), heads, headSize, Epsilon)
            : Linear(which);
    }
}
