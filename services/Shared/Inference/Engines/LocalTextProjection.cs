using Brownian.Formats.Files;
using Brownian.Inference.Sessions;
using Microsoft.ML.OnnxRuntime;
using Tensor = Brownian.Formats.Tensors.Tensor;

namespace Brownian.Inference.Engines;

/// <summary>unCLIP's projection in this process.</summary>
public sealed class LocalTextProjection : ITextProjection, IDisposable
{
    private readonly EngineThread _thread = new("text-projection");
    private readonly OnnxGraph _graph;
    private readonly Tensor _learned;
    private readonly (Tensor Mean, Tensor Std)? _scale;
    private readonly GraphTensor _image;
    private readonly GraphTensor _pooled;
    private readonly GraphTensor _states;
    private readonly string[] _outputs;

    /// <param name="graph">The projection's graph; disposed with this object.</param>
    /// <param name="learned">[1, width]: the image embedding of the unconditional pass.</param>
    /// <param name="scale">
    /// The mean and standard deviation of image embeddings, with which a prior's output is denormalized; null without a prior.
    /// </param>
    /// <exception cref="ModelException">The graph is not such a projection.</exception>
    public LocalTextProjection(OnnxGraph graph, Tensor learned, (Tensor Mean, Tensor Std)? scale)
    {
        (_graph, _learned, _scale) = (graph, learned, scale);
        _image = Find("image_embeddings", 2);
        _pooled = Find("prompt_embeds", 2);
        _states = Find("text_encoder_hidden_states", 3);
        _outputs =
        [
            .. ((string[])["hidden_states", "additive_clip_time_embeddings"])
                .Select(name => graph.FindOutput(name)?.Name ?? throw new ModelException($"{graph.File} has no output {name}"))
        ];
        foreach (Tensor? tensor in (Tensor?[])[learned, scale?.Mean, scale?.Std])
        {
            if (tensor is not null && (tensor.Shape.Count != 2 || (_image.Fixed(1) is { } width && tensor.Shape[1] != width)))
            {
                throw new ModelException(
                    $"{graph.File} takes image embeddings of width {_image.Fixed(1)}; a file beside the graphs "
                        + $"has [{string.Join(", ", tensor.Shape)}]");
            }
        }

        GraphTensor Find(string name, int rank) =>
            graph.FindInput(name) is { } found && found.Rank == rank
                ? found
                : throw new ModelException($"{graph.File} has no input {name} of {rank} dimensions");
    }

    /// <inheritdoc/>
    public Task<TextFeatures> ProjectAsync(TextFeatures text, Tensor? image, bool isPriors, CancellationToken cancellationToken) => _thread.RunAsync(
        () =>
        {
            using var run = new TerminableRun(cancellationToken);
            using BoundTensor imageEmbedding = Bind(_image, image is null ? _learned : isPriors ? Unscaled(image) : image);
            using BoundTensor pooled = Bind(_pooled, text.Pooled!), states = Bind(_states, text.Embedding);
            try
            {
                using IDisposableReadOnlyCollection<OrtValue> outputs = run.Execute(options =>
                    _graph.Session.Run(
                        options, [_image.Name, _pooled.Name, _states.Name], [imageEmbedding.Value, pooled.Value, states.Value], _outputs));
                Tensor embedding = outputs[0].ToTensor();
                int extra = embedding.Shape[1] - text.Embedding.Shape[1];
                float[] mask = [.. Enumerable.Repeat(1f, extra), .. text.Mask!.Values];
                return new TextFeatures(embedding, outputs[1].ToTensor(), new Tensor(mask, [1, mask.Length]));
            }
            catch (OnnxRuntimeException exception)
            {
                throw new ModelException($"{_graph.File} failed: {exception.Message.ReplaceLineEndings(" ")}", exception);
            }
        },
        cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        _thread.Dispose();
        _graph.Dispose();
    }

    /// <summary>Converts a prior's output to an embedding (<c>post_process_latents</c> of the reference's <c>prior_transformer.py</c>).</summary>
    private Tensor Unscaled(Tensor latents)
    {
        (Tensor mean, Tensor std) =
            _scale ?? throw new ModelException($"{_graph.File}: the folder has no prior/clip_mean.npy and prior/clip_std.npy");
        return new Tensor([.. latents.Values.Select((value, i) => value * std.Values[i] + mean.Values[i])], [1, latents.Values.Length]);
    }

    private static BoundTensor Bind(GraphTensor input, Tensor values)
    {
        var bound = new BoundTensor(input.Dtype, [.. values.Shape.Select(size => (long)size)]);
        values.Values.CopyTo(bound.Values);
        bound.Push();
        return bound;
    }
}
