using Brownian.Formats.Files;
using Brownian.Formats.Images;
using Brownian.Imaging.Preparation;
using Brownian.Inference.Sessions;
using Microsoft.ML.OnnxRuntime;
using Tensor = Brownian.Formats.Tensors.Tensor;

namespace Brownian.Inference.Engines;

/// <summary>A CLIP vision encoder in this process.</summary>
public sealed class LocalImageEncoder : IImageEncoder, IDisposable
{
    private readonly EngineThread _thread = new("image-encoder");
    private readonly OnnxGraph _graph;
    private readonly ClipPreparation _preparation;
    private readonly GraphTensor _pixels;
    private readonly string _output;

    /// <param name="graph">The encoder's graph; disposed with this object.</param>
    /// <param name="preparation">The preprocessing of images.</param>
    /// <exception cref="ModelException">The graph is not a CLIP vision encoder, or takes images of another size.</exception>
    public LocalImageEncoder(OnnxGraph graph, ClipPreparation preparation)
    {
        (_graph, _preparation) = (graph, preparation);
        _pixels = graph.FindInput("pixel_values") is { Rank: 4 } pixels
            ? pixels
            : throw new ModelException($"{graph.File} is not a vision encoder: it has no input pixel_values of four dimensions");
        _output =
            graph.FindOutput(
                "image_embeds")?.Name ?? throw new ModelException($"{graph.File} is not a vision encoder: it has no output image_embeds");
        if (_pixels.Fixed(2) is { } side && side != preparation.Crop)
        {
            throw new ModelException(
                $"{graph.File} takes images of {side} pixels a side, feature_extractor/preprocessor_config.json makes them {preparation.Crop}");
        }
    }

    /// <inheritdoc/>
    public Task<Tensor> EncodeAsync(Raster image, CancellationToken cancellationToken) => _thread.RunAsync(
        () =>
        {
            Tensor prepared = _preparation.Prepare(image);
            using var run = new TerminableRun(cancellationToken);
            int rows = _pixels.Fixed(0) ?? 1;
            using var input = new BoundTensor(_pixels.Dtype, [rows, .. prepared.Shape.Skip(1).Select(size => (long)size)]);
            prepared.Values.CopyTo(input.Values);
            input.Push();
            try
            {
                using IDisposableReadOnlyCollection<OrtValue> outputs =
                    run.Execute(options => _graph.Session.Run(options, [_pixels.Name], [input.Value], [_output]));
                Tensor all = outputs[0].ToTensor();
                return new Tensor(all.Values[..(all.Values.Length / rows)], [1, .. all.Shape.Skip(1)]);
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
}
